# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.gallery import (
    GalleryRequest,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError
from tests.sandbox._azure._models import validate
from tests.unit.plugins.module_utils._azure.fakes import Clients

PARAMS: dict[str, Any] = {
    "resource_group": "group",
    "name": "alpine",
    "location": "westeurope",
    "description": None,
    "tags": None,
    "append_tags": True,
    "wait": True,
    "wait_timeout": 5,
    "wait_interval": 0,
}


class Case:
    """One gallery, as it is and as it is to be."""

    def __init__(self, existing: dict[str, Any] | None = None, **options: Any) -> None:
        self.clients: Any = Clients()
        self.operations = self.clients.compute.galleries
        self.operations.resource = existing
        self.subscription = self.clients.subscription
        self.request = GalleryRequest.from_params({**PARAMS, **options})

    def present(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_present(self.clients, self.request, check_mode=check_mode)

    def absent(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_absent(self.clients, self.request, check_mode=check_mode)


def existing(**changes: Any) -> dict[str, Any]:
    return {
        "id": "/ids/alpine",
        "name": "alpine",
        "location": "westeurope",
        "tags": {"owner": "me"},
        "properties": {"description": "Alpine", "provisioningState": "Succeeded"},
        **changes,
    }


def test_creation() -> None:
    case = Case(description="Alpine", location="West Europe", tags={"a": 1})
    result = case.present()
    (call,) = case.operations.calls
    assert call.path == ("group", "alpine")
    assert call.body == {"location": "westeurope", "tags": {"a": "1"}, "properties": {"description": "Alpine"}}
    assert validate("Gallery", call.body, target="gallery") == call.body, "what the API allows"
    assert case.subscription.locations == [{"location": ["West Europe"]}]
    assert result == {
        "changed": True,
        "id": "/ids/alpine",
        "name": "alpine",
        "location": "westeurope",
        "description": "Alpine",
        "tags": {"a": "1"},
        "diff": {
            "before": {},
            "after": {"location": "westeurope", "description": "Alpine", "tags": {"a": "1"}},
        },
    }


def test_creation_foreseen() -> None:
    foreseen, made = Case(description="Alpine"), Case(description="Alpine")
    check, real = foreseen.present(check_mode=True), made.present()
    assert foreseen.operations.calls == []
    assert check == {**real, "id": None}


def test_nothing_to_do() -> None:
    case = Case(existing())
    result = case.present()
    assert result["changed"] is False
    assert result["diff"] == {"before": {}, "after": {}}
    assert case.operations.calls == []
    assert case.subscription.locations == []


def test_azure_may_write_the_region_otherwise() -> None:
    assert Case(existing(location="West Europe")).present()["changed"] is False


def test_users_may_write_the_region_otherwise() -> None:
    assert Case(existing(), location="West Europe").present()["changed"] is False


def test_change_of_description_and_tags() -> None:
    case = Case(existing(), description="Other", tags={"purpose": "test"})
    result = case.present()
    (call,) = case.operations.calls
    assert call.name == "update"
    assert call.body == {"tags": {"owner": "me", "purpose": "test"}, "properties": {"description": "Other"}}
    assert validate("GalleryUpdate", call.body, target="gallery", partial=True) == call.body
    assert result["diff"]["before"] == {"description": "Alpine", "tags": {"owner": "me"}}
    assert result["tags"] == {"owner": "me", "purpose": "test"}


def test_what_other_hands_have_set_stays() -> None:
    soft = {"softDeletePolicy": {"isSoftDeleteEnabled": True}}
    case = Case(existing(properties={"provisioningState": "Succeeded", **soft}), description="Other")
    case.present()
    assert case.operations.calls[0].body["properties"] == {**soft, "description": "Other"}


def test_failed_gallery_is_mended() -> None:
    case = Case(existing(properties={"provisioningState": "Failed"}))
    assert case.present()["changed"] is True
    assert case.operations.writes == ["update"]


def test_tags_replaced() -> None:
    assert Case(existing(), tags={"x": "y"}, append_tags=False).present()["tags"] == {"x": "y"}


def test_other_region_is_refused() -> None:
    case = Case(existing(), location="eastus")
    with pytest.raises(ConflictError, match="is in westeurope, not in eastus, and cannot be moved"):
        case.present()
    assert case.operations.calls == []


def test_existing_gallery_needs_no_location() -> None:
    assert Case(existing(), location=None).present()["location"] == "westeurope"


def test_new_gallery_needs_a_location() -> None:
    with pytest.raises(InputError, match="location is needed"):
        Case(location=None).present()


@pytest.mark.parametrize("name", ["", "with-dash", ".dot", "dot.", "a" * 81, "blank blank"])
def test_illegal_names(name: str) -> None:
    with pytest.raises(InputError, match=r"^name .* is not a gallery's name"):
        Case(name=name)


@pytest.mark.parametrize("name", ["a", "alpine_3.24", "A" * 80])
def test_legal_names(name: str) -> None:
    assert Case(name=name).present(check_mode=True)["changed"] is True


def test_creation_of_another_run_is_waited_for() -> None:
    case = Case()
    case.operations.states = [
        existing(properties={"provisioningState": "Creating"}),
        existing(properties={"provisioningState": "Succeeded"}),
    ]
    assert case.present()["changed"] is False
    assert case.operations.calls == []


def test_check_mode_does_not_wait() -> None:
    case = Case(existing(properties={"provisioningState": "Creating"}))
    assert case.present(check_mode=True)["changed"] is False


def test_deletion() -> None:
    case = Case(existing())
    foreseen = case.absent(check_mode=True)
    assert case.operations.calls == []
    result = case.absent(check_mode=False)
    assert result == foreseen
    assert result["changed"] is True
    assert result["diff"]["after"] == {}
    assert case.operations.writes == ["delete"]
    assert case.absent(check_mode=False) == {"changed": False, "name": "alpine"}
