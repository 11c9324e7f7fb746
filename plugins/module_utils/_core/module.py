# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module's ``main`` does around its one call into the logic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from .errors import AlpineCloudError, ProviderError, WaitTimeoutError


def run_module(module: AnsibleModule, operation: Callable[[], dict[str, Any]]) -> NoReturn:
    """Run ``operation`` and exit with its result, or fail with the message of an expected error.

    ``operation`` returns the module's result, with ``changed`` and, where the module manages attributes, ``diff``.
    """
    try:
        result = operation()
    except ProviderError as error:
        module.fail_json(msg=error.message, failure=error.as_result())
    except WaitTimeoutError as error:
        # What was waited for goes on in the cloud: whoever cleans up must leave what it needs.
        module.fail_json(msg=error.message, timed_out=True)
    except AlpineCloudError as error:
        module.fail_json(msg=error.message)
    module.exit_json(**result)
