# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    ConflictError,
    InputError,
    ProviderError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.gce_image import (
    GceImageRequest,
    ensure_absent,
    ensure_present,
)
from tests.support.fake_compute import FEATURES, NAME, NO_WAIT, SHA256, SOURCE, WAIT, FakeCompute, image_request


def _no_warning(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def cloud() -> FakeCompute:
    return FakeCompute()


# Options


def _params(**options: Any) -> dict[str, Any]:
    return {
        "state": "present",
        "name": NAME,
        "source": "gs://images/folder/alpine 1.tar.gz",
        "source_sha256": SHA256.upper(),
        "architecture": "x86_64",
        "firmware": "hybrid",
        "guest_os_features": ["VIRTIO_SCSI_MULTIQUEUE", "GVNIC"],
        "family": None,
        "labels": None,
        "description": None,
        "storage_locations": None,
        "wait": True,
        "wait_timeout": 10,
        "wait_interval": 0,
        **options,
    }


def test_options_become_googles_words() -> None:
    request = GceImageRequest.from_params(_params(labels={"a": "b"}, storage_locations=["EU"], family="alpine"))
    assert request == image_request(
        source="https://storage.googleapis.com/images/folder/alpine%201.tar.gz",
        labels={"a": "b"},
        storage_locations=["eu"],
        family="alpine",
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"architecture": "aarch64", "firmware": "bios"}, "cannot boot: Arm machines have UEFI only"),
        (
            {"architecture": "aarch64", "guest_os_features": ["TDX_CAPABLE", "SEV_CAPABLE"]},
            "guest_os_features SEV_CAPABLE, TDX_CAPABLE exist on x86_64 only",
        ),
        ({"firmware": "bios", "guest_os_features": ["UEFI_COMPATIBLE"]}, "contradicts firmware=bios"),
        ({"storage_locations": ["us", "eu"]}, "storage_locations takes one region"),
        ({"name": "alpine_1"}, "name must be"),
        ({"family": "alpine_1"}, "family must be"),
        ({"labels": {"A": "b"}}, "labels: the key 'A'"),
        ({"source_sha256": "ab"}, "source_sha256 must be"),
        ({"source": "s3://images/alpine.tar.gz"}, "source must be gs://BUCKET/OBJECT"),
        ({"source": "gs://images"}, "source must be gs://BUCKET/OBJECT"),
        ({"state": "absent", "name": "alpine_1"}, "name must be"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        GceImageRequest.from_params(_params(**options))
    assert words in refusal.value.message


def test_a_description_has_a_longest_length() -> None:
    assert GceImageRequest.from_params(_params(description="x" * 2048)).description == "x" * 2048
    with pytest.raises(InputError, match="description has 2049 characters, but Compute Engine takes 2048"):
        GceImageRequest.from_params(_params(description="x" * 2049))


def test_an_empty_family_is_a_wish() -> None:
    assert GceImageRequest.from_params(_params(family="")).family == ""


def test_absent_needs_a_name_only() -> None:
    params = _params(state="absent", source_sha256=None, architecture=None, firmware=None, source=None)
    assert GceImageRequest.from_params(params) == GceImageRequest(NAME, None, WAIT)


# Creation


def test_an_image_is_created_as_asked_for(cloud: FakeCompute) -> None:
    cloud.polls_needed = 2
    wanted = image_request(labels={"team": "platform"}, family="alpine", description="Small.", storage_locations=["eu"])
    result = ensure_present(cloud.clients, wanted, check_mode=False, warn=_no_warning)
    [sent] = cloud.requests
    image = sent.image_resource
    assert uuid.UUID(sent.request_id).int
    assert (image.raw_disk.source, image.raw_disk.container_type) == (SOURCE, "TAR")
    assert dict(image.labels) == {"team": "platform", "source-sha256": SHA256[:63]}
    assert list(image.storage_locations) == ["eu"]
    assert {key: result[key] for key in ("changed", "name", "status", "architecture", "family", "description")} == {
        "changed": True,
        "name": NAME,
        "status": "READY",
        "architecture": "X86_64",
        "family": "alpine",
        "description": "Small.",
    }
    assert result["id"].isdigit()
    told = {key: result[key] for key in ("self_link", "disk_size_gb", "archive_size_bytes", "creation_timestamp")}
    assert told == {
        "self_link": f"https://compute.example/{NAME}",
        "disk_size_gb": 1,
        "archive_size_bytes": 12345,
        "creation_timestamp": "2026-01-02T03:04:05.678-07:00",
    }
    assert result["guest_os_features"] == FEATURES
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["storage_locations"] == ["eu"]


def test_the_identity_is_no_matter_of_labels(cloud: FakeCompute) -> None:
    result = ensure_present(
        cloud.clients, image_request(labels={"source-sha256": "forged"}), check_mode=False, warn=_no_warning
    )
    assert result["labels"] == {"source-sha256": SHA256[:63]}


def test_what_is_left_open_is_not_sent(cloud: FakeCompute) -> None:
    result = ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)
    image = cloud.requests[0].image_resource
    assert "family" not in image
    assert "description" not in image
    assert not image.storage_locations
    assert result["storage_locations"] == ["us"]


def test_creation_needs_a_source(cloud: FakeCompute) -> None:
    with pytest.raises(InputError, match="source is needed"):
        ensure_present(cloud.clients, image_request(source=None), check_mode=False, warn=_no_warning)
    assert cloud.requests == []


def test_an_import_need_not_be_waited_for(cloud: FakeCompute) -> None:
    result = ensure_present(cloud.clients, image_request(wait=NO_WAIT), check_mode=False, warn=_no_warning)
    assert (result["changed"], result["status"]) == (True, "PENDING")


def test_an_image_that_is_waited_for_may_not_be_pending(cloud: FakeCompute) -> None:
    cloud.import_spoils = lambda image: setattr(image, "status", "PENDING")
    with pytest.raises(ProviderError, match="is PENDING, not READY"):
        ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"architecture": "ARM64"}, "architecture is 'ARM64', not 'X86_64'"),
        ({"guest_os_features": []}, "guest_os_features is [], not ['GVNIC'"),
        ({"labels": {}}, "labels is {}"),
        ({"status": "FAILED"}, "is FAILED, not READY"),
    ],
)
def test_an_image_that_reads_back_otherwise_is_a_failure(cloud: FakeCompute, spoil: dict[str, Any], words: str) -> None:
    def spoil_image(image: Any) -> None:
        for key, value in spoil.items():
            setattr(image, key, value)

    cloud.import_spoils = spoil_image
    with pytest.raises(ProviderError) as failure:
        ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)
    assert words in failure.value.message


def test_an_image_that_vanishes_is_a_failure(cloud: FakeCompute) -> None:
    cloud.import_spoils = lambda image: cloud.images.pop(image.name)
    with pytest.raises(ProviderError, match="is gone right after"):
        ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)


# Adoption


def test_the_order_of_features_is_no_difference(cloud: FakeCompute) -> None:
    cloud.put(features=list(reversed(FEATURES)))
    result = ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)
    assert not result["changed"]
    assert result["guest_os_features"] == FEATURES


def test_the_same_image_is_left_alone(cloud: FakeCompute) -> None:
    cloud.put(family="alpine", labels={"source-sha256": SHA256[:63], "team": "x"}, description="Small.")
    result = ensure_present(cloud.clients, image_request(source=None), check_mode=False, warn=_no_warning)
    assert cloud.requests == []
    assert not result["changed"]
    assert (result["family"], result["description"], result["labels"]["team"]) == ("alpine", "Small.", "x")
    assert result["diff"] == {"before": {}, "after": {}}


@pytest.mark.parametrize(
    ("fields", "options", "kinds"),
    [
        ({"family": "old"}, {"family": "new"}, ["Patch"]),
        ({"family": "old"}, {"family": ""}, ["Patch"]),
        ({}, {"description": "new"}, ["Patch"]),
        ({}, {"labels": {"team": "x"}}, ["SetLabels"]),
        ({"labels": {"source-sha256": SHA256[:63], "team": "x"}}, {"labels": {}}, ["SetLabels"]),
        ({}, {"labels": {"team": "x"}, "family": "new"}, ["Patch", "SetLabels"]),
    ],
)
def test_what_can_be_changed_converges(
    cloud: FakeCompute, fields: dict[str, Any], options: dict[str, Any], kinds: list[str]
) -> None:
    cloud.put(**fields)
    clients, request = cloud.clients, image_request(**options)
    assert ensure_present(clients, request, check_mode=True, warn=_no_warning)["changed"]
    assert cloud.requests == []
    result = ensure_present(clients, request, check_mode=False, warn=_no_warning)
    assert cloud.kinds() == kinds
    # There is no import to wait for.
    assert cloud.last_filter is None
    # Where Compute Engine takes an id, a repetition is the same write.
    assert all(uuid.UUID(request.request_id).int for request in cloud.requests if hasattr(request, "request_id"))
    assert result["changed"]
    for key, value in options.items():
        assert result[key] == ({**value, "source-sha256": SHA256[:63]} if key == "labels" else value)
    assert not ensure_present(clients, request, check_mode=False, warn=_no_warning)["changed"]
    assert cloud.kinds() == kinds


def test_only_what_differs_is_patched(cloud: FakeCompute) -> None:
    cloud.put(family="old", description="Small.")
    ensure_present(cloud.clients, image_request(family="new", description="Small."), check_mode=False, warn=_no_warning)
    assert "description" not in cloud.requests[0].image_resource


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"source-sha256": "cd" * 31 + "c"}, f"made from an image with SHA-256 {'cd' * 31}c…"),
        ({}, "was not made by this collection"),
    ],
)
def test_other_content_is_a_conflict(cloud: FakeCompute, labels: dict[str, str], words: str, check_mode: bool) -> None:
    cloud.put(labels=labels)
    with pytest.raises(ConflictError) as conflict:
        ensure_present(cloud.clients, image_request(), check_mode=check_mode, warn=_no_warning)
    assert words in conflict.value.message
    assert "Choose another name" in conflict.value.message


@pytest.mark.parametrize(
    ("fields", "options", "words"),
    [
        ({"architecture": "ARM64"}, {}, "architecture is 'ARM64', not 'X86_64'"),
        ({"features": ["GVNIC"]}, {}, "guest_os_features is ['GVNIC'], not ['GVNIC', 'UEFI_COMPATIBLE'"),
        ({}, {"storage_locations": ["eu"]}, "storage_locations is ['us'], not ['eu']"),
    ],
)
def test_what_is_fixed_at_creation_is_a_conflict(
    cloud: FakeCompute, fields: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    cloud.put(**fields)
    with pytest.raises(ConflictError) as conflict:
        ensure_present(cloud.clients, image_request(**options), check_mode=False, warn=_no_warning)
    assert words in conflict.value.message
    assert "delete it first (state=absent)" in conflict.value.message
    assert cloud.requests == []


# What earlier runs have left


def test_a_failed_image_of_ours_is_replaced(cloud: FakeCompute) -> None:
    # A failed import may have left anything in these.
    old = cloud.put(status="FAILED", features=[], architecture="")
    check = ensure_present(cloud.clients, image_request(), check_mode=True, warn=_no_warning)
    assert (check["changed"], check["status"]) == (True, "FAILED")
    assert cloud.requests == []
    result = ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)
    assert cloud.kinds() == ["Delete", "Insert"]
    assert result["status"] == "READY"
    assert result["id"] != str(old.id)


def test_a_failed_image_of_others_is_a_conflict(cloud: FakeCompute) -> None:
    cloud.put(status="FAILED", labels={})
    with pytest.raises(ConflictError):
        ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)


def test_an_import_under_way_is_adopted(cloud: FakeCompute) -> None:
    ensure_present(cloud.clients, image_request(wait=NO_WAIT), check_mode=False, warn=_no_warning)
    assert not ensure_present(cloud.clients, image_request(wait=NO_WAIT), check_mode=False, warn=_no_warning)["changed"]
    assert ensure_present(cloud.clients, image_request(), check_mode=True, warn=_no_warning)["status"] == "PENDING"
    result = ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)
    assert (result["changed"], result["status"]) == (False, "READY")
    assert cloud.last_filter == f'(targetId = "{result["id"]}") (operationType = "insert")'
    assert cloud.kinds() == ["Insert"]


def test_an_image_being_deleted_is_waited_for_and_created(cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.put(status="DELETING", labels={})
    get, looks = cloud.get, itertools.count()

    def get_later(**options: Any) -> Any:
        if next(looks) == 2:
            del cloud.images[NAME]
        return get(**options)

    monkeypatch.setattr(cloud, "get", get_later)
    assert ensure_present(cloud.clients, image_request(), check_mode=False, warn=_no_warning)["changed"]
    assert cloud.kinds() == ["Insert"]


def test_check_mode_on_nothing_tells_everything_but_ids(cloud: FakeCompute) -> None:
    result = ensure_present(
        cloud.clients, image_request(source=None, family="alpine"), check_mode=True, warn=_no_warning
    )
    assert cloud.requests == []
    assert result["changed"]
    assert result["family"] == "alpine"
    assert result["labels"] == {"source-sha256": SHA256[:63]}
    for key in ("id", "self_link", "status", "disk_size_gb", "archive_size_bytes", "creation_timestamp"):
        assert result[key] is None


# Deletion


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_an_image_is_deleted(cloud: FakeCompute, sha256: str | None) -> None:
    cloud.put()
    request = GceImageRequest(NAME, sha256, WAIT)
    assert ensure_absent(cloud.clients, request, check_mode=True)["changed"]
    assert cloud.requests == []
    result = ensure_absent(cloud.clients, request, check_mode=False)
    assert cloud.kinds() == ["Delete"]
    assert uuid.UUID(cloud.requests[0].request_id).int
    assert cloud.images == {}
    assert (result["changed"], result["id"]) == (True, None)
    assert result["diff"]["before"]["name"] == NAME
    assert not ensure_absent(cloud.clients, request, check_mode=False)["changed"]


def test_an_image_with_other_content_is_not_deleted(cloud: FakeCompute) -> None:
    cloud.put(labels={})
    with pytest.raises(ConflictError):
        ensure_absent(cloud.clients, GceImageRequest(NAME, SHA256, WAIT), check_mode=False)
    assert cloud.requests == []


def test_a_deletion_under_way_is_waited_for(cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.put(status="DELETING")
    get, looks = cloud.get, itertools.count()

    def get_later(**options: Any) -> Any:
        if next(looks) == 2:
            del cloud.images[NAME]
        return get(**options)

    monkeypatch.setattr(cloud, "get", get_later)
    assert not ensure_absent(cloud.clients, image_request(), check_mode=False)["changed"]
    assert cloud.requests == []


def test_an_image_that_goes_meanwhile_is_gone_and_a_new_one_of_its_name_stays(
    cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put()
    original = cloud.delete_unary

    def late(fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        cloud.put()
        return original(fields, timeout, retry)

    monkeypatch.setattr(cloud, "delete_unary", late)
    assert ensure_absent(cloud.clients, image_request(), check_mode=False)["changed"]
    assert NAME in cloud.images


@pytest.mark.parametrize("state", ["OBSOLETE", "DELETED"])
def test_an_image_that_nothing_can_be_made_of_does_not_count(cloud: FakeCompute, state: str) -> None:
    cloud.put(deprecated={"state": state})
    with pytest.raises(ConflictError, match=f"has been marked {state}: no instance can be made of it"):
        ensure_present(cloud.clients, image_request(), check_mode=True, warn=_no_warning)


def test_a_deprecated_image_can_be_used_still(cloud: FakeCompute) -> None:
    cloud.put(deprecated={"state": "DEPRECATED"})
    warnings: list[str] = []
    assert not ensure_present(cloud.clients, image_request(), check_mode=False, warn=warnings.append)["changed"]
    assert "has been marked DEPRECATED" in warnings[0]
