# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.gallery_version import (
    GalleryVersionRequest,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    ConflictError,
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.progress import FILE_VARIABLE
from tests.sandbox._azure._models import validate
from tests.unit.plugins.module_utils._azure.fakes import (
    OTHER_SHA256,
    SHA256,
    Clients,
    Poller,
    arm_error,
    delay,
)

URI = "https://account.blob.core.windows.net/images/small.vhd"
OPTIONS: dict[str, Any] = {
    "resource_group": "group",
    "gallery": "alpine",
    "gallery_image": "alpine-x86_64-uefi-tiny",
    "name": "3.24.2001",
    "source_sha256": SHA256,
    "location": "westeurope",
    "source_uri": URI,
    "storage_account": "account",
    "storage_account_resource_group": None,
    "target_regions": [],
    "purge_target_regions": False,
    "end_of_life_date": None,
    "exclude_from_latest": None,
    "tags": None,
    "append_tags": True,
    "wait": True,
    "wait_timeout": 5,
    "wait_interval": 0,
}


def region(name: str, count: int | None = None, storage: str | None = None) -> dict[str, Any]:
    """As option ``target_regions`` has it."""
    return {"name": name, "regional_replica_count": count, "storage_account_type": storage}


def region_body(name: str, count: int = 1, storage: str = "Standard_LRS") -> dict[str, Any]:
    return {"name": name, "regionalReplicaCount": count, "storageAccountType": storage}


def replication(**states: str) -> dict[str, Any]:
    return {
        "summary": [
            {"region": name, "state": state, "progress": 100 if state == "Completed" else 50, "details": f"{name}!"}
            for name, state in states.items()
        ]
    }


def lost(**profile: Any) -> dict[str, Any]:
    """A version that no region has anything of."""
    version = existing("Failed", **profile)
    version["properties"]["replicationStatus"] = replication(WestEurope="Failed")
    return version


def existing(state: str = "Succeeded", sha256: str | None = SHA256, **profile: Any) -> dict[str, Any]:
    return {
        "id": "/ids/3.24.2001",
        "name": "3.24.2001",
        "location": "westeurope",
        "tags": {"source-sha256": sha256} if sha256 else {},
        "properties": {
            "provisioningState": state,
            "replicationStatus": replication(WestEurope="Completed"),
            "storageProfile": {},
            "publishingProfile": {
                "targetRegions": [region_body("West Europe")],
                "publishedDate": "2026-11-24T06:21:00+00:00",
                **profile,
            },
        },
    }


class Case:
    """One version, as it is and as it is to be."""

    def __init__(self, existing: dict[str, Any] | None = None, **options: Any) -> None:
        self.clients: Any = Clients()
        self.operations = self.clients.compute.gallery_image_versions
        self.operations.resource = existing
        self.subscription = self.clients.subscription
        self.request = GalleryVersionRequest.from_params({**OPTIONS, **options})

    def present(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_present(self.clients, self.request, check_mode=check_mode)

    def absent(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_absent(self.clients, self.request, check_mode=check_mode)


def test_import() -> None:
    case = Case(
        target_regions=[region("East US", 3, "Premium_LRS")],
        end_of_life_date="2028-05-01",
        tags={"alpine-image": "alpine-3.24.2-x86_64-tiny-r1"},
    )
    result = case.present()
    (call,) = case.operations.calls
    assert call.path == ("group", "alpine", "alpine-x86_64-uefi-tiny", "3.24.2001")
    assert call.body == {
        "location": "westeurope",
        "tags": {"alpine-image": "alpine-3.24.2-x86_64-tiny-r1", "source-sha256": SHA256},
        "properties": {
            "publishingProfile": {
                "targetRegions": [region_body("eastus", 3, "Premium_LRS"), region_body("westeurope")],
                "excludeFromLatest": False,
                "endOfLifeDate": "2028-05-01T00:00:00Z",
            },
            "storageProfile": {
                "osDiskImage": {
                    "hostCaching": "ReadOnly",
                    "source": {"storageAccountId": "/ids/account", "uri": URI},
                }
            },
        },
    }
    assert validate("GalleryImageVersion", call.body, target="galleryImageVersion") == call.body
    assert case.subscription.locations == [{"location": ["westeurope"], "target_regions": ["eastus"]}]
    assert case.subscription.accounts == [("account", "group")]
    assert (result["changed"], result["import_needed"], result["id"]) == (True, True, "/ids/3.24.2001")
    assert result["provisioning_state"] == "Succeeded"
    assert result["end_of_life_date"] == "2028-05-01T00:00:00Z"


def test_import_foreseen() -> None:
    foreseen, made = Case(), Case()
    check, real = foreseen.present(check_mode=True), made.present()
    assert foreseen.operations.calls == []
    assert check == {**real, "id": None, "provisioning_state": None, "published_date": None}


def test_import_foreseen_before_the_blob_is_there() -> None:
    assert Case(source_uri=None).present(check_mode=True)["import_needed"] is True


@pytest.mark.parametrize("missing", ["source_uri", "location", "storage_account"])
def test_import_needs_a_source(missing: str) -> None:
    options: dict[str, Any] = {missing: None}
    case = Case(**options)
    with pytest.raises(InputError, match=f"{missing} needed"):
        case.present()
    assert case.operations.calls == []


def test_storage_account_of_another_group() -> None:
    case = Case(storage_account_resource_group="storage")
    case.present()
    assert case.subscription.accounts == [("account", "storage")]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("https://account.blob.core.windows.net/images/small.img", "must end with '.vhd'"),
        ("https://account.blob.core.windows.net/images/small.vhd?sig=x", None),
        ("https://other.blob.core.windows.net/images/small.vhd", "is not in storage account 'account'"),
    ],
)
def test_source_uri(uri: str, message: str | None) -> None:
    case = Case(source_uri=uri)
    if message is None:
        assert case.present()["changed"] is True
        return
    with pytest.raises(InputError, match=message):
        case.present()
    assert case.operations.calls == []


def test_second_run_asks_for_nothing() -> None:
    case = Case(existing(), source_uri=None, storage_account=None)
    result = case.present()
    assert (result["changed"], result["import_needed"]) == (False, False)
    assert result["diff"] == {"before": {}, "after": {}}
    assert case.operations.calls == []
    assert (case.subscription.accounts, case.subscription.locations) == ([], [])
    assert all(options == {"expand": "ReplicationStatus"} for options in case.operations.reads)


@pytest.mark.parametrize("check_mode", [True, False])
def test_other_content_is_refused(check_mode: bool) -> None:
    case = Case(existing(sha256=OTHER_SHA256))
    with pytest.raises(ConflictError, match=f"holds other content, made from the image with SHA-256 {OTHER_SHA256}"):
        case.present(check_mode=check_mode)
    assert case.operations.calls == []


@pytest.mark.parametrize("state", ["Succeeded", "Failed"])
def test_versions_of_others_are_not_touched(state: str) -> None:
    case = Case(existing(state, sha256=None))
    with pytest.raises(ConflictError, match="was not made by this module"):
        case.present()
    assert case.operations.calls == []


def test_version_in_another_region() -> None:
    with pytest.raises(ConflictError, match="is in westeurope, not in eastus"):
        Case(existing(), location="eastus").present()


def test_users_may_write_the_region_otherwise() -> None:
    assert Case(existing(), location="West Europe").present()["changed"] is False


def test_failed_version_is_deleted_and_imported_once_more() -> None:
    case = Case(lost(endOfLifeDate="2020-01-01T00:00:00Z"))
    result = case.present()
    assert case.operations.writes == ["delete", "create"]
    assert result["import_needed"] is True
    assert result["end_of_life_date"] is None, "a failed version bequeaths nothing"


def test_failed_version_is_deleted_to_the_end_even_without_waiting() -> None:
    case = Case(lost(), wait=False, wait_interval=3)
    case.present()
    deletion, creation = case.operations.calls
    assert delay(deletion.options) == 2.5
    assert creation.options == {"polling": False}


def test_failed_version_foreseen() -> None:
    case = Case(lost())
    result = case.present(check_mode=True)
    assert (result["changed"], result["import_needed"]) == (True, True)
    assert case.operations.calls == []


def test_import_that_fails_is_not_repeated_in_the_same_run() -> None:
    case = Case()
    case.operations.poller = Poller(arm_error(400, "InvalidParameter", "is of Dynamic VHD type."))
    with pytest.raises(ProviderError, match=r"Cannot create image version .*is of Dynamic VHD type"):
        case.present()
    assert case.operations.writes == ["create"]


def test_import_of_another_run_is_waited_for() -> None:
    case = Case()
    case.operations.states = [existing("Creating"), existing("Creating"), existing()]
    result = case.present()
    assert (result["changed"], result["provisioning_state"]) == (False, "Succeeded")
    assert case.operations.calls == []


def test_version_that_is_being_deleted_is_imported_again() -> None:
    case = Case()
    case.operations.states = [existing("Deleting"), None]
    result = case.present()
    assert result["import_needed"] is True
    assert case.operations.writes == ["create"]


def test_version_that_is_being_deleted_is_as_good_as_gone() -> None:
    case = Case(existing("Deleting", endOfLifeDate="2020-01-01T00:00:00Z"))
    result = case.present(check_mode=True)
    assert (result["changed"], result["import_needed"], result["provisioning_state"]) == (True, True, None)
    assert result["end_of_life_date"] is None
    assert case.operations.calls == []


def test_who_was_faster_with_other_content_is_noticed() -> None:
    case = Case()
    case.operations.states = [None, existing(sha256=OTHER_SHA256)]
    case.operations.create_error = arm_error(409, "Conflict")
    with pytest.raises(ConflictError, match="holds other content"):
        case.present()


def test_new_region_needs_an_update_only() -> None:
    case = Case(existing(), target_regions=[region("eastus")])
    result = case.present()
    (call,) = case.operations.calls
    assert call.name == "update"
    assert call.body == {
        "properties": {
            "publishingProfile": {
                "targetRegions": [region_body("eastus"), region_body("West Europe")],
                "excludeFromLatest": False,
            }
        }
    }
    assert validate("GalleryImageVersionUpdate", call.body, target="galleryImageVersion", partial=True) == call.body
    assert result["import_needed"] is False
    assert case.subscription.locations == [{"location": ["westeurope"], "target_regions": ["eastus"]}]
    assert case.subscription.accounts == []


def test_regions_that_are_not_named_are_kept() -> None:
    regions = [region_body("West Europe"), region_body("East US", 5)]
    before = existing(targetRegions=regions)
    before["properties"]["replicationStatus"] = replication(WestEurope="Completed", EastUS="Completed")
    case = Case(before, target_regions=[region("eastus", 5)])
    assert case.present()["changed"] is False


def test_more_replicas() -> None:
    case = Case(existing(), target_regions=[region("westeurope", 2)])
    result = case.present()
    assert result["diff"]["before"]["target_regions"][0]["regional_replica_count"] == 1
    assert result["target_regions"] == [
        {"name": "westeurope", "regional_replica_count": 2, "storage_account_type": "Standard_LRS"}
    ]
    assert case.subscription.locations == [], "no region is new"


@pytest.mark.parametrize(
    ("options", "profile"),
    [
        ({"exclude_from_latest": True}, {"excludeFromLatest": True}),
        ({"end_of_life_date": "2029-01-01"}, {"excludeFromLatest": False, "endOfLifeDate": "2029-01-01T00:00:00Z"}),
    ],
)
def test_attributes_that_can_be_changed(options: dict[str, Any], profile: dict[str, Any]) -> None:
    case = Case(existing(), **options)
    assert case.present()["changed"] is True
    body = case.operations.calls[0].body
    assert body == {"properties": {"publishingProfile": {"targetRegions": [region_body("West Europe")], **profile}}}


def bad_region(state: str = "Failed") -> dict[str, Any]:
    """A good version that has not got to one of its regions."""
    regions = [region_body("West Europe"), {**region_body("East US", 5), "excludeFromLatest": True}]
    version = existing(state, targetRegions=regions, replicaCount=2)
    version["properties"]["replicationStatus"] = replication(WestEurope="Completed", EastUS="Failed")
    return version


@pytest.mark.parametrize("state", ["Failed", "Succeeded"])
def test_region_that_failed_is_taken_away_and_added_again(state: str) -> None:
    foreseen, case = Case(bad_region(state)), Case(bad_region(state))
    check = foreseen.present(check_mode=True)
    result = case.present()
    assert (check["changed"], check["import_needed"], foreseen.operations.calls) == (True, False, [])
    assert (result["changed"], result["import_needed"]) == (True, False)
    sent = [call.body["properties"]["publishingProfile"] for call in case.operations.calls]
    assert [len(profile["targetRegions"]) for profile in sent] == [1, 2]
    assert sent[1]["targetRegions"][0] == {**region_body("East US", 5), "excludeFromLatest": True}
    assert {profile["replicaCount"] for profile in sent} == {2}


def test_region_that_failed_and_is_no_longer_wanted_is_taken_away() -> None:
    case = Case(bad_region(), purge_target_regions=True)
    assert len(case.present()["target_regions"]) == 1
    assert case.operations.writes == ["update"]


def test_change_that_failed_is_made_again() -> None:
    case = Case(existing("Failed"))
    assert case.present()["changed"] is True
    assert case.operations.writes == ["update"]


def test_version_that_cannot_be_mended_is_not_deleted() -> None:
    case = Case(bad_region())
    case.operations.update_errors = [arm_error(409, "Conflict", "No.")]
    with pytest.raises(ProviderError, match=r"failed in eastus.*delete it with state=absent and import it again"):
        case.present()
    assert case.operations.writes == ["update"]


def test_regions_are_taken_away_on_demand() -> None:
    regions = [region_body("West Europe", 4), region_body("East US")]
    case = Case(existing(targetRegions=regions), purge_target_regions=True)
    result = case.present()
    assert case.operations.calls[0].body["properties"]["publishingProfile"]["targetRegions"] == regions[:1]
    assert [held["name"] for held in result["target_regions"]] == ["westeurope"]


def test_what_other_hands_have_set_stays() -> None:
    key = {"osDiskImage": {"diskEncryptionSetId": "/ids/set"}}
    own = {**region_body("West Europe", 7, "Standard_ZRS"), "encryption": key, "excludeFromLatest": True}
    case = Case(
        existing(targetRegions=[own], replicationMode="Full", unknownYet=1),
        target_regions=[region("westeurope"), region("eastus")],
    )
    assert case.present()["changed"] is True
    (call,) = case.operations.calls
    assert call.body["properties"]["publishingProfile"] == {
        "targetRegions": [region_body("eastus"), own],
        "replicationMode": "Full",
        "unknownYet": 1,
        "excludeFromLatest": False,
    }


def test_creation_that_was_joined_is_brought_to_what_is_wanted() -> None:
    case = Case(tags={"a": "b"})
    case.operations.states = [None, existing()]
    case.operations.create_errors = [arm_error(409, "Conflict")]
    assert case.present()["tags"]["a"] == "b"
    assert case.operations.writes == ["create", "update"]


def test_tags_alone() -> None:
    case = Case(existing(), tags={"a": "b"})
    case.present()
    assert case.operations.calls[0].body == {"tags": {"a": "b", "source-sha256": SHA256}}


def test_tags_replaced_keep_the_identity() -> None:
    before = existing()
    before["tags"]["old"] = "x"
    assert Case(before, tags={}, append_tags=False).present()["tags"] == {"source-sha256": SHA256}


def test_what_is_not_given_is_left_alone() -> None:
    case = Case(existing(endOfLifeDate="2028-05-01T00:00:00Z", excludeFromLatest=True))
    result = case.present()
    assert result["changed"] is False
    assert (result["end_of_life_date"], result["exclude_from_latest"]) == ("2028-05-01T00:00:00Z", True)


def test_replication_is_waited_for() -> None:
    case = Case()
    states = [
        existing(),
        existing(),
        existing(),
    ]
    for state in states:
        state["properties"]["publishingProfile"]["targetRegions"].append(region_body("East US"))
    states[0]["properties"]["replicationStatus"] = replication(WestEurope="Completed")
    states[1]["properties"]["replicationStatus"] = replication(WestEurope="Completed", EastUS="Replicating")
    states[2]["properties"]["replicationStatus"] = replication(WestEurope="Completed", EastUS="Completed")
    case.operations.states = [None, *copy.deepcopy(states)]
    assert case.present()["provisioning_state"] == "Succeeded"
    assert len(case.operations.reads) == 4


def test_replication_is_as_far_as_the_slowest_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = tmp_path / "progress"
    monkeypatch.setenv(FILE_VARIABLE, str(lines))
    halfway = existing()
    halfway["properties"]["replicationStatus"] = replication(WestEurope="Replicating")
    case = Case()
    case.operations.states = [existing(), halfway, existing()]
    case.present()
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line["done"] for line in told] == [50, 100]
    assert {line["step"] for line in told} == {"replicate"}


def test_replication_that_fails_names_the_region() -> None:
    case = Case()
    case.operations.created = {"replicationStatus": replication(WestEurope="Completed", EastUS="Failed")}
    with pytest.raises(ProviderError, match=r"Cannot replicate .* to eastus \(EastUS!\)") as caught:
        case.present()
    assert caught.value.code == "ReplicationFailed"


def test_replication_that_never_ends() -> None:
    before = existing()
    before["properties"]["replicationStatus"] = replication(WestEurope="Replicating")
    with pytest.raises(WaitTimeoutError, match="to be replicated"):
        Case(before, wait_timeout=0).present()


def test_without_waiting_what_is_under_way_is_a_result() -> None:
    case = Case(wait=False)
    case.operations.created = {"provisioningState": "Creating"}
    result = case.present()
    assert (result["changed"], result["provisioning_state"]) == (True, "Creating")


@pytest.mark.parametrize("name", ["3.24.2-r1", "3.24", "3.24.2.1", "3.24.02", "v3.24.2", "3.24.2147483648", ""])
def test_illegal_versions(name: str) -> None:
    with pytest.raises(InputError, match="is not a version: Azure wants three numbers"):
        Case(name=name)


@pytest.mark.parametrize("name", ["0.0.0", "3.24.2001", "2147483647.2147483647.2147483647"])
def test_legal_versions(name: str) -> None:
    assert Case(name=name).present(check_mode=True)["changed"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gallery": "with-dash"}, "gallery 'with-dash'"),
        ({"gallery_image": "blank blank"}, "gallery_image 'blank blank'"),
        ({"target_regions": [region("eastus"), region("eastus", 2)]}, "names 'eastus' twice"),
        ({"target_regions": [region("eastus", 0)]}, "must be 1 to 100"),
        ({"target_regions": [region("eastus", 101)]}, "must be 1 to 100"),
        ({"end_of_life_date": "soon"}, "end_of_life_date"),
        ({"tags": {"source-sha256": "x"}}, "is set by the module"),
    ],
)
def test_illegal_input(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Case(**options)


def test_deletion() -> None:
    case = Case(existing())
    foreseen = case.absent(check_mode=True)
    assert case.operations.calls == []
    assert case.absent(check_mode=False) == foreseen
    assert case.operations.writes == ["delete"]
    assert case.absent(check_mode=False) == {"changed": False, "name": "3.24.2001"}


@pytest.mark.parametrize("held", [OTHER_SHA256, None])
@pytest.mark.parametrize("check_mode", [True, False])
def test_other_content_is_not_deleted(held: str | None, check_mode: bool) -> None:
    case = Case(existing(sha256=held))
    with pytest.raises(ConflictError, match=f"not {SHA256}, and is not removed"):
        case.absent(check_mode=check_mode)
    assert case.operations.calls == []


def test_deletion_by_name_alone() -> None:
    case = Case(existing(sha256=OTHER_SHA256), source_sha256=None)
    assert case.absent()["changed"] is True
