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
    def __init__(self) -> None:
        self.params = {"endpoint": "https://me:hush@host/?sig=hush", "names": ["a"], "wait": True}
        self.no_log_values = {"token\n", "\n"}

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
    invocation = caught.value.result.pop("invocation")
    assert invocation == {"module_args": {"endpoint": "https://***@host/?sig=***", "names": ["a"], "wait": True}}
    way = caught.value.result.pop("exception", "")
    assert "hush" not in way
    assert bool(way) is caught.value.failed
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


def test_a_mistake_of_ours_is_told_by_its_place_alone() -> None:
    said = "hu" + "sh"

    def operation() -> dict[str, Any]:
        try:
            raise ValueError(said)
        except ValueError as error:
            raise KeyError(said) from error

    with pytest.raises(Exited) as caught:
        run_module(cast(AnsibleModule, Module()), operation)
    result = caught.value.result
    assert caught.value.failed
    assert result["msg"].startswith("Something unexpected has happened: KeyError in test_module.py, line ")
    told = [line for line in result["exception"].splitlines() if not line.startswith(" ")]
    assert told == ["ValueError", "", "which led to", "", "KeyError"]
    assert "hush" not in str(result)


def test_errors_that_are_each_others_cause_are_told_once() -> None:
    error, cause = AlpineCloudError("why"), ValueError()
    error.__cause__, cause.__cause__ = cause, error
    assert outcome_of(error) == (True, {"msg": "why"})


def test_a_secret_is_hidden_without_the_line_end_of_its_file_too() -> None:
    module = Module()
    with pytest.raises(Exited):
        run_module(cast(AnsibleModule, module), dict)
    assert module.no_log_values == {"token\n", "token", "\n"}
