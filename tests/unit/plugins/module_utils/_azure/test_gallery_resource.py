# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.compute import models

from ansible_collections.alpine.cloud.plugins.module_utils._azure.gallery import GalleryState
from ansible_collections.alpine.cloud.plugins.module_utils._azure.gallery_resource import GalleryResource, text
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import Wait
from tests.unit.plugins.module_utils._azure.fakes import NO_WAIT, WAIT, Operations, Poller, arm_error, delay

CONCURRENT = "The request failed due to conflict with a concurrent request."
BODY = {"location": "westeurope", "tags": {}, "properties": {}}


def in_state(state: str) -> dict[str, Any]:
    return {"id": "/ids/g", "location": "westeurope", "properties": {"provisioningState": state}}


def resource(operations: Operations, wait: Wait = WAIT, **options: Any) -> GalleryResource[GalleryState]:
    path = ("group", "g")
    return GalleryResource(
        operations, GalleryState.of, kind="Galleries", path=path, what="gallery g", wait=wait, **options
    )


def galleries(state: str | None = None, *states: str | None) -> Operations:
    operations = Operations(models.Gallery, in_state(state) if state else None)
    operations.states = [in_state(next_state) if next_state else None for next_state in states]
    return operations


def test_text_of_enumerations_and_of_what_the_sdk_does_not_know() -> None:
    assert text(models.HyperVGeneration.V2) == "V2"
    assert text("V3") == "V3"


def test_get() -> None:
    assert resource(galleries()).get() is None
    found = resource(galleries("Succeeded")).get()
    assert found is not None
    assert found.managed.location == "westeurope"


@pytest.mark.parametrize("code", ["ResourceNotFound", "ParentResourceNotFound", "NotFound"])
def test_missing_resources_are_none(code: str) -> None:
    operations = galleries()
    operations.get_error = arm_error(404, code)
    assert resource(operations).get() is None


def test_missing_resource_group_is_the_users_mistake() -> None:
    operations = galleries()
    operations.get_error = arm_error(404, "ResourceGroupNotFound", "Resource group 'x' could not be found.")
    with pytest.raises(InputError, match=r"Cannot look up gallery g: .*Option resource_group"):
        resource(operations).get()


def test_other_refusals_are_no_absence() -> None:
    operations = galleries()
    operations.get_error = arm_error(403, "AuthorizationFailed")
    with pytest.raises(ProviderError, match="AuthorizationFailed") as caught:
        resource(operations).get()
    assert (caught.value.operation, caught.value.status) == ("Galleries_Get", 403)


def test_check_mode_does_not_wait_for_what_is_under_way() -> None:
    operations = galleries("Creating", "Creating", "Succeeded")
    found = resource(operations).found(check_mode=True)
    assert found is not None
    assert found.provisioning_state == "Creating"
    settled = resource(operations).found(check_mode=False)
    assert settled is not None
    assert settled.provisioning_state == "Succeeded"


@pytest.mark.parametrize("state", ["Creating", "Updating", "Migrating", "Deleting"])
def test_settled_waits_for_each_transient_state(state: str) -> None:
    operations = galleries(state, state, "Succeeded")
    found = resource(operations).settled()
    assert found is not None
    assert found.provisioning_state == "Succeeded"


def test_settled_waits_for_what_is_under_way() -> None:
    operations = galleries("Creating", "Creating", "Updating", "Succeeded")
    found = resource(operations).settled()
    assert found is not None
    assert found.provisioning_state == "Succeeded"
    assert len(operations.reads) == 3


def test_settled_sees_a_deletion_through() -> None:
    assert resource(galleries("Deleting", "Deleting", None)).settled() is None


def test_settled_passes_options_on() -> None:
    operations = galleries("Succeeded")
    resource(operations, expand="ReplicationStatus").settled()
    assert operations.reads == [{"expand": "ReplicationStatus"}]


def test_settled_without_waiting_takes_what_there_is() -> None:
    found = resource(galleries("Creating"), NO_WAIT).settled()
    assert found is not None
    assert found.provisioning_state == "Creating"


def test_settled_gives_up() -> None:
    operations = galleries("Creating")
    with pytest.raises(WaitTimeoutError, match="waiting for gallery g to settle"):
        resource(operations, Wait(enabled=True, timeout=0, interval=0)).settled()


def test_create() -> None:
    operations = galleries()
    resource(operations).create(BODY)
    (call,) = operations.calls
    assert (call.name, call.path, call.body) == ("create", ("group", "g"), BODY)
    assert delay(call.options) == WAIT.interval


def test_create_without_waiting_does_not_poll() -> None:
    operations = galleries()
    operations.poller = Poller(done=False)
    resource(operations, NO_WAIT).create(BODY)
    assert operations.calls[0].options == {"polling": False}


def test_create_tells_why_the_operation_failed() -> None:
    operations = galleries()
    operations.poller = Poller(arm_error(409, "OperationFailed", "The disk is on fire."))
    with pytest.raises(ProviderError, match=r"Cannot create gallery g: OperationFailed: The disk is on fire\."):
        resource(operations).create(BODY)


def test_create_joins_a_creation_that_is_under_way() -> None:
    operations = galleries(None, "Creating", "Creating", "Succeeded")
    operations.create_error = arm_error(409, "Conflict")
    resource(operations).create(BODY)
    assert operations.writes == ["create"]


def test_create_does_not_join_what_failed() -> None:
    operations = galleries(None, "Creating", "Failed")
    operations.create_error = arm_error(409, "Conflict", CONCURRENT)
    with pytest.raises(ProviderError, match="concurrent request"):
        resource(operations).create(BODY)


def test_create_waits_out_what_went_or_what_it_belongs_to() -> None:
    operations = galleries(None, "Deleting", None, None)
    operations.create_errors = [arm_error(409, "Conflict", CONCURRENT), arm_error(409, "Conflict", CONCURRENT)]
    assert resource(operations).create(BODY) is True
    assert operations.writes == ["create"] * 3


def test_update_waits_out_another_one() -> None:
    operations = galleries("Succeeded", "Updating", "Succeeded")
    operations.update_errors = [arm_error(409, "Conflict", CONCURRENT)]
    resource(operations).update(BODY)
    assert operations.writes == ["update"] * 2


@pytest.mark.parametrize("wait", [WAIT, NO_WAIT])
def test_update_that_is_refused_is_not_repeated(wait: Wait) -> None:
    operations = galleries("Succeeded")
    operations.update_errors = [arm_error(409, "Conflict", CONCURRENT if wait is NO_WAIT else "Not allowed.")]
    with pytest.raises(ProviderError, match="Conflict"):
        resource(operations, wait).update(BODY)


@pytest.mark.parametrize("states", [["Deleting", "Deleting", None], [None, None]])
def test_delete_joins_a_deletion(states: list[str | None]) -> None:
    operations = galleries("Deleting", *states)
    operations.delete_errors = [arm_error(409, "Conflict", CONCURRENT)]
    resource(operations).delete()
    assert operations.writes == ["delete"]


def test_delete_waits_for_what_is_in_it_to_be_gone() -> None:
    operations = galleries("Succeeded")
    operations.children = [in_state("Deleting")]
    operations.delete_errors = [arm_error(409, "CannotDeleteResource", "Nested resources exist.")]
    resource(operations, children=operations.list_below).delete()
    assert operations.writes == ["delete"] * 2


def test_delete_of_what_is_not_empty_is_refused_at_once() -> None:
    operations = galleries("Succeeded")
    operations.children = [in_state("Deleting"), in_state("Succeeded")]
    operations.delete_errors = [arm_error(409, "CannotDeleteResource", "Nested resources exist.")]
    with pytest.raises(ProviderError, match="Nested resources exist"):
        resource(operations, children=operations.list_below).delete()
    assert operations.writes == ["delete"]


def test_delete_that_failed_though_it_is_gone() -> None:
    operations = galleries(None)
    operations.poller = Poller(arm_error(404, "NotFound"))
    resource(operations).delete()


def test_delete_that_somebody_stopped() -> None:
    operations = galleries("Deleting", "Deleting", "Failed")
    operations.delete_errors = [arm_error(409, "Conflict", CONCURRENT)]
    with pytest.raises(ProviderError, match="provisioning state is Failed"):
        resource(operations).delete()


def test_what_is_being_deleted_is_as_good_as_gone() -> None:
    assert resource(galleries("Deleting")).found(check_mode=True) is None


def test_read_back_waits_for_a_change_of_another_run() -> None:
    assert resource(galleries("Updating", "Updating", "Succeeded")).read_back().provisioning_state == "Succeeded"


def test_create_does_not_join_a_deletion() -> None:
    operations = galleries("Deleting")
    operations.create_error = arm_error(409, "Conflict")
    with pytest.raises(ProviderError, match="Conflict"):
        resource(operations, NO_WAIT).create(BODY)


def test_create_does_not_join_when_the_conflict_is_another() -> None:
    operations = galleries()
    operations.create_error = arm_error(409, "Conflict", "The identifier must be unique.")
    with pytest.raises(ProviderError, match="must be unique"):
        resource(operations).create(BODY)


def test_create_that_is_refused_is_not_looked_into() -> None:
    operations = galleries()
    operations.create_error = arm_error(403, "AuthorizationFailed")
    with pytest.raises(ProviderError, match="AuthorizationFailed"):
        resource(operations).create(BODY)
    assert operations.reads == []


def test_update_and_delete() -> None:
    operations = galleries("Succeeded")
    resource(operations).update({"tags": {"a": "b"}})
    resource(operations).delete()
    assert [(call.name, call.body) for call in operations.calls] == [("update", {"tags": {"a": "b"}}), ("delete", None)]
    assert operations.resource is None


def test_delete_that_must_end_polls_even_when_waiting_is_off() -> None:
    operations = galleries("Failed")
    resource(operations, NO_WAIT).delete(must_end=True)
    assert delay(operations.calls[0].options) == NO_WAIT.interval


def test_delete_without_waiting() -> None:
    operations = galleries("Succeeded")
    resource(operations, NO_WAIT).delete()
    assert operations.calls[0].options == {"polling": False}


def test_read_back() -> None:
    assert resource(galleries("Succeeded")).read_back().managed.location == "westeurope"
    assert resource(galleries("Creating"), NO_WAIT).read_back().managed.location == "westeurope"


@pytest.mark.parametrize("state", ["Failed", None])
def test_read_back_of_what_did_not_succeed(state: str | None) -> None:
    with pytest.raises(ProviderError, match=f"provisioning state is {state or 'gone'}"):
        resource(galleries(state)).read_back()


def test_read_back_without_waiting_still_sees_a_failure() -> None:
    with pytest.raises(ProviderError, match="Failed"):
        resource(galleries("Failed"), NO_WAIT).read_back()


@pytest.mark.parametrize(
    ("operation", "began"),
    [("create", "to be created"), ("update", "to be updated"), ("delete", "to be deleted")],
)
def test_each_operation_has_a_bound(operation: str, began: str) -> None:
    operations = galleries("Succeeded")
    operations.poller = Poller(done=False)
    made = resource(operations, Wait(timeout=7, interval=0))
    calls = {"create": lambda: made.create(BODY), "update": lambda: made.update(BODY), "delete": made.delete}
    with pytest.raises(WaitTimeoutError, match=rf"after 7 seconds \(wait_timeout\) waiting for gallery g {began}"):
        calls[operation]()
    assert operations.poller.waited == 7


@pytest.mark.parametrize("operation", ["Update", "Delete"])
def test_each_operation_that_fails_says_which(operation: str) -> None:
    operations = galleries("Succeeded")
    operations.poller = Poller(arm_error(409, "OperationFailed", "The disk is on fire."))
    made = resource(operations)
    with pytest.raises(ProviderError, match=f"Cannot {operation.lower()} gallery g: OperationFailed") as caught:
        made.update(BODY) if operation == "Update" else made.delete()
    assert caught.value.operation == f"Galleries_{operation}"


def test_absent() -> None:
    operations = galleries("Succeeded")
    check = resource(operations).ensure_absent(check_mode=True)
    assert operations.calls == []
    assert resource(operations).ensure_absent(check_mode=False) == check
    assert check == {
        "changed": True,
        "id": "/ids/g",
        "name": "g",
        "diff": {"before": {"location": "westeurope", "tags": {}}, "after": {}},
    }
    assert operations.writes == ["delete"]
    assert resource(operations).ensure_absent(check_mode=False) == {"changed": False, "name": "g"}


def test_absent_waits_for_a_deletion_of_another_run() -> None:
    operations = galleries("Deleting", "Deleting", None)
    assert resource(operations).ensure_absent(check_mode=False)["changed"] is False
    assert operations.calls == []
