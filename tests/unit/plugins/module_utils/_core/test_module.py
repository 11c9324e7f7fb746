# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any, NoReturn, cast

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    AlpineCloudError,
    ConflictError,
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.module import run_module


class Exited(Exception):
    """Stands for the end of the module's process."""

    def __init__(self, failed: bool, result: dict[str, Any]) -> None:
        super().__init__()
        self.failed = failed
        self.result = result


class Module:
    def exit_json(self, **result: Any) -> NoReturn:
        raise Exited(False, result)

    def fail_json(self, **result: Any) -> NoReturn:
        raise Exited(True, result)


def outcome_of(result: dict[str, Any] | Exception) -> tuple[bool, dict[str, Any]]:
    def operation() -> dict[str, Any]:
        if isinstance(result, Exception):
            raise result
        return result

    with pytest.raises(Exited) as caught:
        run_module(cast(AnsibleModule, Module()), operation)
    return caught.value.failed, caught.value.result


def test_a_result_is_returned_as_it_is() -> None:
    assert outcome_of({"changed": True, "id": "ami-1"}) == (False, {"changed": True, "id": "ami-1"})


@pytest.mark.parametrize("error", [AlpineCloudError("why"), InputError("why"), ConflictError("why")])
def test_an_expected_error_fails_with_its_message(error: Exception) -> None:
    assert outcome_of(error) == (True, {"msg": "why"})


def test_whoever_cleans_up_learns_that_something_goes_on() -> None:
    assert outcome_of(WaitTimeoutError("why")) == (True, {"msg": "why", "timed_out": True})


def test_a_providers_error_has_its_parts_too() -> None:
    error = ProviderError("why", operation="ImportSnapshot", code="Throttled", status=503)
    assert outcome_of(error) == (True, {"msg": "why", "failure": error.as_result()})


def test_a_mistake_of_ours_is_not_disguised() -> None:
    def operation() -> dict[str, Any]:
        raise KeyError("id")

    with pytest.raises(KeyError):
        run_module(cast(AnsibleModule, Module()), operation)
