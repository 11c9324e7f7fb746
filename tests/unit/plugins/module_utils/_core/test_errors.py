# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    AlpineCloudError,
    ConflictError,
    InputError,
    ProviderError,
    WaitTimeoutError,
    refusal_of,
)


@pytest.mark.parametrize("kind", [AlpineCloudError, InputError, ConflictError, WaitTimeoutError])
def test_the_message_is_all_that_is_said(kind: type[AlpineCloudError]) -> None:
    error = kind("region eu-nowhere-1 does not exist")
    assert error.message == str(error) == "region eu-nowhere-1 does not exist"
    assert isinstance(error, AlpineCloudError)


def test_a_providers_error_keeps_its_parts() -> None:
    error = ProviderError(
        "Registering failed: taken",
        operation="RegisterImage",
        code="InvalidAMIName.Duplicate",
        status=400,
        details={"request": "1"},
    )
    assert error.message == str(error) == "Registering failed: taken"
    assert error.as_result() == {
        "operation": "RegisterImage",
        "code": "InvalidAMIName.Duplicate",
        "status": 400,
        "details": {"request": "1"},
    }


def test_parts_that_a_provider_does_not_tell_are_null() -> None:
    assert ProviderError("x", operation="images.insert").as_result() == {
        "operation": "images.insert",
        "code": None,
        "status": None,
        "details": None,
    }


def test_a_refusal_begins_with_its_subject() -> None:
    error = refusal_of("src disk.qcow2")("this is a directory")
    assert isinstance(error, InputError)
    assert error.message == "src disk.qcow2: this is a directory"
