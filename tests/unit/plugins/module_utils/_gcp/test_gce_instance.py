# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import uuid
from typing import Any

import pytest
from google.api_core import exceptions as api

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    ConflictError,
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.gce_instance import ensure_absent, ensure_present
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.instance_request import GceInstanceRequest
from tests.support.fake_instances import IMAGE, KEY, NAME, ZONE, FakeInstances, params


class _Answer:
    def __init__(self, reason: str, message: str) -> None:
        self._error = {"message": message, "errors": [{"reason": reason, "message": message}]}

    def json(self) -> dict[str, Any]:
        return {"error": self._error}


def _refusal(kind: Any, reason: str, message: str) -> Exception:
    made: Exception = kind(message, response=_Answer(reason, message))
    return made


@pytest.fixture
def cloud() -> FakeInstances:
    return FakeInstances()


def _present(cloud: FakeInstances, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    warnings: list[str] = []
    request = GceInstanceRequest.from_params(params(**options))
    result = ensure_present(cloud.clients, request, check_mode=check_mode, warn=warnings.append)
    return {**result, "warnings": warnings}


def _absent(cloud: FakeInstances, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    request = GceInstanceRequest.from_params(params(state="absent", **options))
    return ensure_absent(cloud.clients, request, check_mode=check_mode)


def test_an_instance_is_launched_and_told(cloud: FakeInstances) -> None:
    result = _present(cloud, ssh_public_key=KEY, user_data="secret")
    assert cloud.kinds() == ["InsertInstance"]
    assert result["changed"]
    assert (result["state"], result["running"], result["id"]) == ("RUNNING", True, str(cloud.instance.id))
    assert (result["private_address"], result["public_address"]) == ("10.0.0.2", "192.0.2.9")
    assert (result["image"], result["machine_type"], result["zone"]) == (IMAGE, "e2-micro", ZONE)
    assert result["user"] == "alpine"
    assert (result["console"], result["console_match"], result["console_seconds"]) == (None, None, None)
    assert result["diff"]["before"] == {}
    assert "secret" not in str(result)


def test_check_mode_tells_the_same(cloud: FakeInstances) -> None:
    check = _present(cloud, check_mode=True)
    assert cloud.requests == []
    assert check["changed"]
    assert (check["id"], check["state"], check["running"]) == (None, None, False)
    assert check["diff"] == _present(cloud)["diff"]


def test_one_that_is_there_is_left_as_it_is(cloud: FakeInstances) -> None:
    cloud.put(labels={"alpine-cloud-machine": NAME, "team": "x"})
    result = _present(cloud)
    assert cloud.requests == []
    assert not result["changed"]
    assert result["labels"] == {"alpine-cloud-machine": NAME, "team": "x"}
    assert result["diff"] == {"before": {}, "after": {}}


def test_one_whose_image_is_gone_is_still_the_one(cloud: FakeInstances) -> None:
    cloud.put()
    cloud.image = None
    assert not _present(cloud)["changed"]
    assert not _present(cloud, image=None)["changed"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": "other"}, "image projects/my-project/global/images/alpine, not projects/.*/other: remove it first"),
        ({"machine_type": "e2-small"}, "has machine_type e2-micro, not e2-small: remove it first"),
    ],
)
def test_one_that_is_something_else_is_a_conflict(cloud: FakeInstances, options: dict[str, Any], words: str) -> None:
    cloud.put()
    with pytest.raises(ConflictError, match=words):
        _present(cloud, **options)


def test_an_image_of_the_same_name_is_not_the_same_image(cloud: FakeInstances) -> None:
    cloud.put()
    cloud.image.id = 8
    with pytest.raises(ConflictError, match="with the number 7, not 8: remove it first"):
        _present(cloud)


@pytest.mark.parametrize("labels", [{}, {"alpine-cloud-machine": "another"}, {"team": "x"}])
def test_one_of_others_is_neither_adopted_nor_removed(cloud: FakeInstances, labels: dict[str, str]) -> None:
    cloud.put(labels=labels)
    for act in (_present, _absent):
        with pytest.raises(ConflictError, match=f"instance {NAME} in zone {ZONE} that this collection has not"):
            act(cloud)
    assert cloud.requests == []


@pytest.mark.parametrize("status", ["TERMINATED", "STOPPED", "SUSPENDED", "SUSPENDING"])
def test_one_that_was_stopped_is_left_alone(cloud: FakeInstances, status: str) -> None:
    cloud.put(status=status)
    with pytest.raises(ConflictError, match=f"Instance {NAME} is {status}: start it, or remove it first"):
        _present(cloud)
    assert cloud.requests == []
    assert _absent(cloud)["changed"]


def test_one_that_has_never_run_is_launched_again(cloud: FakeInstances) -> None:
    cloud.put(status="TERMINATED", last_start_timestamp="")
    assert _present(cloud, check_mode=True)["changed"]
    assert _present(cloud)["changed"]
    assert cloud.kinds() == ["DeleteInstance", "InsertInstance"]


def test_one_that_starts_is_waited_for(cloud: FakeInstances) -> None:
    cloud.put(status="STAGING")
    reads = iter(range(100))

    def on_read() -> None:
        if next(reads) == 3:
            cloud.instance.status = "RUNNING"

    cloud.on_read = on_read
    result = _present(cloud)
    assert (result["changed"], result["running"]) == (False, True)
    assert cloud.requests == []


def test_one_that_goes_while_it_is_looked_at_is_gone(cloud: FakeInstances) -> None:
    cloud.put(status="STAGING")
    cloud.disk = None
    reads = iter(range(100))

    def on_read() -> None:
        if next(reads) == 1:
            cloud.instance = None

    cloud.on_read = on_read
    assert _present(cloud)["changed"]
    assert cloud.kinds() == ["InsertInstance"]


def test_one_that_starts_has_a_disk_when_it_runs(cloud: FakeInstances) -> None:
    cloud.put(status="PROVISIONING")
    cloud.disk = None
    assert not _present(cloud, wait=False)["changed"]
    reads = iter(range(100))

    def on_read() -> None:
        if next(reads) == 4:
            cloud.instance.status = "RUNNING"
            cloud.put_disk(source_image="projects/my-project/global/images/other")

    cloud.on_read = on_read
    with pytest.raises(ConflictError, match=r"has image projects/.*/other, not"):
        _present(cloud)


def test_one_that_does_not_come_up_is_told(cloud: FakeInstances) -> None:
    cloud.put(status="PROVISIONING")
    reads = iter(range(100))

    def on_read() -> None:
        if next(reads) == 1:
            cloud.instance.status = "TERMINATED"

    cloud.on_read = on_read
    with pytest.raises(ProviderError, match=f"Instance {NAME} has not come up: it is TERMINATED"):
        _present(cloud)


def test_waiting_has_a_bound(cloud: FakeInstances) -> None:
    cloud.put(status="PROVISIONING")
    with pytest.raises(WaitTimeoutError, match=f"waiting for instance {NAME} to run"):
        _present(cloud, wait_timeout=0)
    assert not _present(cloud, wait=False)["running"]


def test_labels_are_replaced_by_those_that_are_named(cloud: FakeInstances) -> None:
    cloud.put(labels={"alpine-cloud-machine": NAME, "team": "x", "cost": "1"})
    check = _present(cloud, check_mode=True, labels={"team": "y"})
    real = _present(cloud, labels={"team": "y"})
    [request] = cloud.requests
    assert request.instances_set_labels_request_resource.label_fingerprint == "fingerprint"
    assert check["labels"] == real["labels"] == {"alpine-cloud-machine": NAME, "team": "y"}
    assert check["diff"] == real["diff"]


@pytest.mark.parametrize("by_us", [True, False])
def test_labels_that_another_attempt_has_set_need_not_be_set_again(cloud: FakeInstances, by_us: bool) -> None:
    cloud.put()
    cloud.refusals = {"instances.setLabels": api.PreconditionFailed("Labels fingerprint either invalid")}

    def on_read() -> None:
        # Between the refusal, which is then used up, and the next look.
        if not cloud.refusals and by_us:
            cloud.instance.labels = {"alpine-cloud-machine": NAME, "team": "y"}

    cloud.on_read = on_read
    if by_us:
        assert _present(cloud, labels={"team": "y"})["changed"]
    else:
        with pytest.raises(ProviderError, match=f"could not set the labels of instance {NAME}"):
            _present(cloud, labels={"team": "y"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": None}, "^image is missing"),
        ({"image": "none"}, "^image projects/my-project/global/images/none: there is no such image"),
        ({"architecture": "aarch64"}, "^architecture is ARM64, but image alpine is for X86_64"),
        ({"machine_type": "missing"}, "^machine_type missing: zone europe-west1-b has no such type"),
        ({"machine_type": "c4a-standard-1"}, "^machine_type c4a-standard-1 is for ARM64, but architecture is X86_64"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_made(
    cloud: FakeInstances, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        _present(cloud, **options)
    assert cloud.requests == []


# Requests that are the same


def _request_ids(cloud: FakeInstances) -> list[str]:
    ids = [request.request_id for request in cloud.requests]
    assert all(uuid.UUID(value).version == 5 for value in ids)
    return ids


def test_the_same_launch_has_the_same_id_wherever_it_is_run() -> None:
    first, second = FakeInstances(), FakeInstances()
    for cloud in (first, second):
        _present(cloud, ssh_public_key=KEY)
    assert _request_ids(first) == _request_ids(second)


def test_another_launch_has_another_id(cloud: FakeInstances) -> None:
    _present(cloud)
    other = FakeInstances()
    _present(other, user_data="another")
    assert _request_ids(cloud) != _request_ids(other)


def test_what_has_been_done_is_asked_for_anew(cloud: FakeInstances) -> None:
    for _number in range(2):
        _present(cloud)
        _absent(cloud)
    assert len(set(_request_ids(cloud))) == 4


def test_a_launch_that_has_failed_is_asked_for_anew(cloud: FakeInstances) -> None:
    cloud.error = {"code": "INTERNAL_ERROR", "message": "Internal error."}
    with pytest.raises(ProviderError, match=f"could not launch instance {NAME} in zone {ZONE}: Internal error.$"):
        _present(cloud)
    assert _present(cloud)["changed"]
    assert len(set(_request_ids(cloud))) == 2


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "The zone is full."),
        ("OTHER", "The zone does not have enough resources available to fulfill the request."),
        ("QUOTA_EXCEEDED", "Limit: 8."),
    ],
)
def test_what_to_do_without_capacity_is_told(cloud: FakeInstances, code: str, message: str) -> None:
    cloud.error = {"code": code, "message": message}
    with pytest.raises(ProviderError, match=r"Choose another zone or machine_type, or try again later\.$") as failure:
        _present(cloud)
    assert failure.value.code == code


def test_a_launch_that_has_failed_takes_its_disk_along(cloud: FakeInstances) -> None:
    cloud.refusals = {"instances.insert": api.InternalServerError("Internal error.")}

    def on_read() -> None:
        if not cloud.refusals:
            cloud.put_disk()

    cloud.on_read = on_read
    with pytest.raises(ProviderError, match="Internal error"):
        _present(cloud)
    assert cloud.kinds() == ["DeleteDisk"]


def test_another_run_that_was_faster_is_joined(cloud: FakeInstances) -> None:
    cloud.refusals = {"instances.insert": _refusal(api.Conflict, "alreadyExists", "already exists")}

    def on_read() -> None:
        if not cloud.refusals and cloud.instance is None:
            cloud.put()

    cloud.on_read = on_read
    result = _present(cloud)
    assert (result["changed"], result["running"]) == (False, True)


def test_another_run_that_is_just_being_faster_is_joined(cloud: FakeInstances) -> None:
    instance = cloud.put()
    cloud.refusals = {
        # Between these two looks it comes up.
        "instances.get": _refusal(api.NotFound, "notFound", f"The resource 'instances/{NAME}' was not found"),
        "instances.insert": _refusal(api.Conflict, "alreadyExists", "already exists"),
    }
    result = _present(cloud)
    assert (result["changed"], result["id"]) == (False, str(instance.id))


def test_a_name_that_is_taken_by_something_else_is_told(cloud: FakeInstances) -> None:
    cloud.refusals = {"instances.insert": _refusal(api.Conflict, "alreadyExists", "disks/machine already exists")}
    with pytest.raises(ProviderError, match="disks/machine already exists"):
        _present(cloud)


def test_a_project_without_a_default_network_is_told(cloud: FakeInstances) -> None:
    message = "The resource 'projects/my-project/global/networks/default' was not found"
    cloud.refusals = {"instances.insert": _refusal(api.NotFound, "notFound", message)}
    with pytest.raises(ProviderError, match=r"networks/default' was not found\. Set network or subnetwork"):
        _present(cloud)
    cloud.refusals = {"instances.insert": _refusal(api.NotFound, "notFound", message)}
    with pytest.raises(ProviderError, match=r"networks/default' was not found$"):
        _present(cloud, network="default")


# Removal


def test_one_that_is_removed_is_gone(cloud: FakeInstances) -> None:
    cloud.put()
    check = _absent(cloud, check_mode=True)
    assert cloud.requests == []
    number = str(cloud.instance.id)
    result = _absent(cloud)
    [request] = cloud.requests
    assert request.instance == number
    assert (result["changed"], result["state"], result["running"], result["id"]) == (True, "absent", False, None)
    assert result["diff"] == check["diff"]
    assert result["diff"]["after"] == {}
    assert not _absent(cloud)["changed"]


def test_one_that_is_gone_already_is_gone(cloud: FakeInstances) -> None:
    number = cloud.put().id
    message = f"The resource 'projects/my-project/zones/{ZONE}/instances/{number}' was not found"
    cloud.refusals = {"instances.delete": _refusal(api.NotFound, "notFound", message)}
    cloud.disk = None
    assert _absent(cloud)["changed"]


def test_one_that_is_being_deleted_is_waited_for(cloud: FakeInstances) -> None:
    cloud.put(status="STOPPING")
    assert not _absent(cloud, check_mode=True)["changed"]
    assert not _absent(cloud, wait=False)["changed"]
    reads = iter(range(100))

    def on_read() -> None:
        if next(reads) == 2:
            cloud.instance = cloud.disk = None

    cloud.on_read = on_read
    result = _absent(cloud)
    assert (result["changed"], result["state"]) == (False, "absent")
    assert cloud.requests == []


def test_one_of_others_that_follows_one_of_ours_is_left_alone(cloud: FakeInstances) -> None:
    cloud.put(status="STOPPING")
    reads = iter(range(100))

    def on_read() -> None:
        if next(reads) == 2:
            cloud.put(labels={})

    cloud.on_read = on_read
    with pytest.raises(ConflictError, match="that this collection has not launched"):
        _present(cloud)
    cloud.put(status="STOPPING")
    reads = iter(range(100))
    assert not _absent(cloud)["changed"]
    assert cloud.requests == []


def test_one_that_was_being_stopped_is_deleted(cloud: FakeInstances) -> None:
    cloud.put(status="STOPPING")
    reads = iter(range(100))

    def on_read() -> None:
        if next(reads) == 2:
            cloud.instance.status = "TERMINATED"

    cloud.on_read = on_read
    assert _absent(cloud)["changed"]
    assert cloud.kinds() == ["DeleteInstance"]


def test_a_deletion_by_another_run_is_joined(cloud: FakeInstances) -> None:
    cloud.put()
    cloud.refusals = {"instances.delete": _refusal(api.BadRequest, "resourceNotReady", "It is not ready")}

    def on_read() -> None:
        if not cloud.refusals:
            cloud.instance = cloud.disk = None

    cloud.on_read = on_read
    assert _absent(cloud)["changed"]


def test_a_deletion_that_is_refused_is_told(cloud: FakeInstances) -> None:
    cloud.put()
    cloud.refusals = {"instances.delete": _refusal(api.BadRequest, "invalid", "It is protected against deletion.")}
    with pytest.raises(ProviderError, match="could not delete instance machine: It is protected"):
        _absent(cloud)


@pytest.mark.parametrize("act", [_present, _absent])
def test_the_disk_that_is_left_is_removed(cloud: FakeInstances, act: Any) -> None:
    cloud.put_disk()
    assert act(cloud, check_mode=True)["changed"]
    assert cloud.requests == []
    assert act(cloud)["changed"]
    assert cloud.kinds()[0] == "DeleteDisk"


@pytest.mark.parametrize(("fields", "words"), [({"labels": {}}, "has not made"), ({"users": ["another"]}, "is in use")])
def test_a_disk_of_others_is_left_alone(cloud: FakeInstances, fields: dict[str, Any], words: str) -> None:
    cloud.put_disk(**fields)
    with pytest.raises(ConflictError, match=words):
        _present(cloud)
    assert not _absent(cloud)["changed"]
    assert cloud.requests == []


# OS Login


@pytest.mark.parametrize(("key", "warned"), [(KEY, True), (None, False)])
def test_os_login_matters_to_who_has_a_key(cloud: FakeInstances, key: str | None, warned: bool) -> None:
    cloud.project_metadata = {"enable-oslogin": "TRUE"}
    assert bool(_present(cloud, check_mode=True, ssh_public_key=key)["warnings"]) is warned
    assert bool(_present(cloud, ssh_public_key=key)["warnings"]) is warned
    assert bool(_present(cloud, ssh_public_key=key)["warnings"]) is warned
    assert _present(cloud, check_mode=True, ssh_public_key=key, name=NAME)["changed"] is False
