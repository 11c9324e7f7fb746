# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module's ``main`` does around its one call into the logic."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from .errors import AlpineCloudError, ProviderError, WaitTimeoutError
from .secrets import all_hidden


def run_module(module: AnsibleModule, operation: Callable[[], dict[str, Any]]) -> NoReturn:
    """Run ``operation`` and exit with its result, or fail with the message of an expected error.

    What else is raised fails with its type and place alone: what it says, and what is in its traceback, could hold
    secrets.

    ``operation`` returns the module's result, with ``changed`` and, where the module manages attributes, ``diff``.
    """
    # Ansible hides what is secret as it was given, and it is used without the line end of the file that it came from.
    module.no_log_values.update({value.strip() for value in module.no_log_values} - {""})
    # What the options hold besides is Ansible's to tell.
    invocation = {"module_args": all_hidden(module.params)}
    try:
        result = operation()
    except Exception as error:
        module.fail_json(**_failure(error), exception=_way_to(error), invocation=invocation)
    module.exit_json(**result, invocation=invocation)


def _failure(error: Exception) -> dict[str, Any]:
    match error:
        case ProviderError():
            return {"msg": error.message, "failure": error.as_result()}
        case WaitTimeoutError():
            # What was waited for goes on in the cloud: whoever cleans up must leave what it needs.
            return {"msg": error.message, "timed_out": True}
        case AlpineCloudError():
            return {"msg": error.message}
    *_, place = traceback.extract_tb(error.__traceback__)
    return {
        "msg": f"Something unexpected has happened: {type(error).__name__} in {Path(place.filename).name}, line "
        f"{place.lineno}. What it says is not told, since it could hold secrets. Please report it, with the traceback "
        "that ANSIBLE_DISPLAY_TRACEBACK=error shows.",
    }


def _way_to(error: BaseException) -> str:
    """The traceback of ``error`` and its causes without their words; Ansible shows it where it is asked for."""
    steps: list[str] = []
    passed: set[int] = set()
    cause: BaseException | None = error
    # Libraries raise an error again as the cause of what it has caused.
    while cause is not None and id(cause) not in passed:
        passed.add(id(cause))
        steps.append("".join([*traceback.format_tb(cause.__traceback__), type(cause).__name__, "\n"]))
        cause = cause.__cause__ or cause.__context__
    return "\nwhich led to\n\n".join(reversed(steps))
