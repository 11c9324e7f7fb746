# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    ConflictError,
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._oci.custom_image import (
    CustomImageRequest,
    ensure_absent,
    ensure_present,
)
from tests.support.scripted_oci import COMPARTMENT, Call, ScriptedOracle, error

_SHA256 = "ab" * 32
_NAME = "alpine-3.24.2-x86_64-tiny-r0"
_ID = "ocid1.image.oc1.eu-frankfurt-1.aaaaaaaaimage"
_WORK_REQUEST = "ocid1.coreservicesworkrequest.oc1..aaaaaaaawork"
_TAGS = {"source-sha256": _SHA256}
_SOURCE = {
    "sourceType": "objectStorageTuple",
    "namespaceName": "axnamespace",
    "bucketName": "images",
    "objectName": "alpine.qcow2",
    "sourceImageType": "QCOW2",
    "operatingSystem": "Alpine Linux",
    "operatingSystemVersion": "3.24.2",
}
_PARAVIRTUALIZED = {
    "bootVolumeType": "PARAVIRTUALIZED",
    "networkType": "PARAVIRTUALIZED",
    "remoteDataVolumeType": "PARAVIRTUALIZED",
    "isPvEncryptionInTransitEnabled": False,
    "isConsistentVolumeNamingEnabled": False,
}
_BODY = {
    "compartmentId": COMPARTMENT,
    "displayName": _NAME,
    "freeformTags": _TAGS,
    "launchMode": "CUSTOM",
    "launchOptions": {"firmware": "UEFI_64", **_PARAVIRTUALIZED},
    "imageSourceDetails": _SOURCE,
}


def _image(state: str = "AVAILABLE", **changes: Any) -> dict[str, Any]:
    return {
        "id": _ID,
        "compartmentId": COMPARTMENT,
        "displayName": _NAME,
        "freeformTags": _TAGS,
        "launchMode": "CUSTOM",
        "launchOptions": {"firmware": "UEFI_64", **_PARAVIRTUALIZED},
        "lifecycleState": state,
        "operatingSystem": "Alpine Linux",
        "operatingSystemVersion": "3.24.2",
        "sizeInMBs": 214,
        "timeCreated": "2026-11-01T00:00:00.000Z",
        **changes,
    }


def _params(**options: Any) -> dict[str, Any]:
    return {
        "state": "present",
        "name": _NAME,
        "compartment_id": COMPARTMENT,
        "source_sha256": _SHA256,
        "bucket": "images",
        "object_name": "alpine.qcow2",
        "namespace": "axnamespace",
        "source_image_type": "QCOW2",
        "firmware": "uefi",
        "architecture": "x86_64",
        "launch_mode": None,
        "launch_options": None,
        "freeform_tags": None,
        "operating_system": "Alpine Linux",
        "operating_system_version": "3.24.2",
        "wait": True,
        "wait_timeout": 10,
        "wait_interval": 0,
        **options,
    }


def _manage(oracle: ScriptedOracle, warnings: list[str], *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    connection = oracle.connection()
    request = CustomImageRequest.from_params(_params(**options))
    if options.get("state") == "absent":
        return ensure_absent(connection, request, check_mode=check_mode)
    return ensure_present(connection, request, check_mode=check_mode, warn=warnings.append)


def _list(*images: dict[str, Any]) -> Call:
    return Call("GET", "/images", list(images), query={"compartmentId": COMPARTMENT, "displayName": _NAME})


def _create(state: str = "IMPORTING", **changes: Any) -> list[Call]:
    """The import begins, and nobody else has begun one meanwhile."""
    return [
        Call("POST", "/images", _image(state), headers={"opc-work-request-id": _WORK_REQUEST}, **changes),
        _list(_image(state)),
    ]


def _get(state: str = "AVAILABLE", **changes: Any) -> Call:
    return Call("GET", f"/images/{_ID}", _image(state, **changes))


def _work(status: str = "IN_PROGRESS", percent: float = 50) -> Call:
    return Call("GET", f"/workRequests/{_WORK_REQUEST}", {"status": status, "percentComplete": percent})


def _works() -> Call:
    """Nobody remembers the work request."""
    return Call("GET", "/workRequests", [])


def _errors(*reasons: str) -> Call:
    rows = [{"code": "InvalidImage", "message": reason} for reason in reasons]
    return Call("GET", f"/workRequests/{_WORK_REQUEST}/errors", rows)


# What is asked for


@pytest.mark.parametrize(("firmware", "mode"), [("uefi", "CUSTOM"), ("hybrid", "CUSTOM"), ("bios", "PARAVIRTUALIZED")])
def test_launch_mode_follows_the_firmware(firmware: str, mode: str) -> None:
    assert CustomImageRequest.from_params(_params(firmware=firmware)).launch_mode == mode


def test_identity_cannot_be_overridden_by_tags() -> None:
    request = CustomImageRequest.from_params(_params(freeform_tags={"source-sha256": "other", "team": "a"}))
    assert request.freeform_tags == {"source-sha256": _SHA256, "team": "a"}


def test_digest_is_taken_in_upper_case_too() -> None:
    assert CustomImageRequest.from_params(_params(source_sha256=_SHA256.upper())).source_sha256 == _SHA256


def test_given_launch_options_replace_the_defaults() -> None:
    options = {"network_type": "VFIO", "boot_volume_type": None, "is_pv_encryption_in_transit_enabled": True}
    request = CustomImageRequest.from_params(_params(launch_options=options))
    assert request.launch_options == {
        "firmware": "UEFI_64",
        "boot_volume_type": "PARAVIRTUALIZED",
        "network_type": "VFIO",
        "remote_data_volume_type": "PARAVIRTUALIZED",
        "is_pv_encryption_in_transit_enabled": True,
        "is_consistent_volume_naming_enabled": False,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"firmware": "bios", "architecture": "aarch64"}, "firmware bios is impossible"),
        ({"launch_mode": "NATIVE", "launch_options": {"network_type": "VFIO"}}, "needs launch_mode CUSTOM"),
        ({"firmware": "bios", "launch_options": {"network_type": "VFIO"}}, "but launch_mode is PARAVIRTUALIZED"),
        ({"source_sha256": "short"}, "source_sha256 must be a SHA-256"),
    ],
)
def test_bad_options_are_refused_before_any_request(
    oracle: ScriptedOracle, warnings: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _manage(oracle, warnings, **options)


# Importing


def test_import_sends_launch_options_and_reads_back(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(
        _list(),
        *_create(body=_BODY),
        _work("ACCEPTED", 0),
        _get("IMPORTING"),
        _work(percent=70),
        _get("IMPORTING"),
        _work("SUCCEEDED", 100),
        _get(),
    )
    result = _manage(oracle, warnings)
    assert warnings == []
    diff = result.pop("diff")
    assert result == {
        "changed": True,
        "image_id": _ID,
        "name": _NAME,
        "region": "eu-frankfurt-1",
        "lifecycle_state": "AVAILABLE",
        "launch_mode": "CUSTOM",
        "launch_options": {
            "firmware": "UEFI_64",
            "boot_volume_type": "PARAVIRTUALIZED",
            "network_type": "PARAVIRTUALIZED",
            "remote_data_volume_type": "PARAVIRTUALIZED",
            "is_pv_encryption_in_transit_enabled": False,
            "is_encryption_in_transit_enabled": None,
            "is_consistent_volume_naming_enabled": False,
        },
        "firmware": "UEFI_64",
        "firmware_from": "launch_options",
        "freeform_tags": _TAGS,
        "source_sha256": _SHA256,
        "size_in_mbs": 214,
        "work_request_id": _WORK_REQUEST,
    }
    assert diff["before"] == {}
    assert diff["after"]["firmware"] == "UEFI_64"


def test_bios_image_uses_the_documented_preset(oracle: ScriptedOracle, warnings: list[str]) -> None:
    body = {
        **{name: value for name, value in _BODY.items() if name != "launchOptions"},
        "launchMode": "PARAVIRTUALIZED",
    }
    done = _get(launchMode="PARAVIRTUALIZED", launchOptions={"firmware": "BIOS", **_PARAVIRTUALIZED})
    oracle.expect(_list(), *_create(body=body), _work(), done)
    result = _manage(oracle, warnings, firmware="bios")
    assert result["firmware"] == "BIOS"
    assert result["firmware_from"] == "launch_options"


def _tokens(oracle: ScriptedOracle) -> list[str]:
    return [token for token in oracle.retry_tokens if token is not None]


def test_the_same_import_has_the_same_retry_token_until_it_has_failed(
    oracle: ScriptedOracle, warnings: list[str]
) -> None:
    for known, name in (([], "a"), ([], "a"), ([_image("DELETED")], "a"), ([], "b")):
        oracle.expect(_list(*known), *_create())
        _manage(oracle, warnings, wait=False, object_name=name)
    first, again, after_a_failure, other = _tokens(oracle)
    assert first == again
    assert len({first, after_a_failure, other}) == 3
    assert re.fullmatch(r"[0-9a-f]{64}", first)


def test_a_retry_token_whose_image_was_deleted_is_not_used_again(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(
        _list(),
        error("POST", "/images", 409, "InvalidatedRetryToken"),
        Call("POST", "/images", _image("DELETED")),
        *_create(),
    )
    assert _manage(oracle, warnings, wait=False)["changed"] is True
    assert len(set(_tokens(oracle))) == 3
    oracle.expect(_list(), *[error("POST", "/images", 409, "InvalidatedRetryToken")] * 10)
    with pytest.raises(ProviderError, match="its last 10 imports of today have been deleted"):
        _manage(oracle, warnings)


def test_of_two_imports_the_older_one_is_kept(oracle: ScriptedOracle, warnings: list[str]) -> None:
    older = _image("IMPORTING", id="older", timeCreated="2026-10-31T23:59:59.000Z")
    oracle.expect(
        _list(),
        _create()[0],
        _list(older, _image("IMPORTING")),
        error("DELETE", f"/images/{_ID}", 409, "IncorrectState"),
        Call("DELETE", f"/images/{_ID}", status=204),
        _works(),
    )
    result = _manage(oracle, warnings, wait_interval=0, wait=False)
    assert (result["image_id"], result["changed"]) == ("older", False)
    # Of the same second.
    twin = _image("IMPORTING", id="ocid1.image.oc1.eu-frankfurt-1.zzzzzzzzzzz")
    oracle.expect(_list(), _create()[0], _list(_image("IMPORTING"), twin))
    assert _manage(oracle, warnings, wait=False)["image_id"] == _ID


def test_an_image_that_is_not_visible_yet_is_waited_for(oracle: ScriptedOracle, warnings: list[str]) -> None:
    missing = error("GET", f"/images/{_ID}", 404, "NotAuthorizedOrNotFound")
    oracle.expect(_list(), *_create(), _work(), missing, _work("SUCCEEDED"), _get())
    assert _manage(oracle, warnings)["lifecycle_state"] == "AVAILABLE"


def test_namespace_is_looked_up(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(), Call("GET", "/n", "axnamespace"), *_create(body=_BODY))
    _manage(oracle, warnings, namespace=None, wait=False)


def test_source_is_needed_to_import_only(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list())
    with pytest.raises(InputError, match="object_name must say which object to import"):
        _manage(oracle, warnings, object_name=None)
    oracle.expect(_list())
    with pytest.raises(InputError, match="bucket and object_name must say which object to import"):
        _manage(oracle, warnings, bucket=None, object_name=None)
    oracle.expect(_list(_image()))
    assert _manage(oracle, warnings, bucket=None, object_name=None)["changed"] is False


def test_ignored_launch_options_are_left_to_the_capabilities(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(), *_create(), _work(), _get(launchOptions={"firmware": "BIOS"}, launchMode="PARAVIRTUALIZED"))
    result = _manage(oracle, warnings)
    assert result["firmware"] == "UEFI_64"
    assert result["firmware_from"] == "capabilities"
    assert len(warnings) == 1
    assert "has firmware BIOS in its launch options, not UEFI_64" in warnings[0]


def test_refused_launch_options_are_left_out(oracle: ScriptedOracle, warnings: list[str]) -> None:
    body = {
        **{name: value for name, value in _BODY.items() if name != "launchOptions"},
        "launchMode": "PARAVIRTUALIZED",
    }
    oracle.expect(
        _list(),
        error("POST", "/images", 400, "InvalidParameter", "launchMode CUSTOM is not allowed"),
        *_create(body=body),
        _work(),
        _get(launchOptions={"firmware": "BIOS"}),
    )
    assert _manage(oracle, warnings)["firmware_from"] == "capabilities"
    assert "This region refuses launch options at import" in warnings[0]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [(400, "LimitExceeded", "custom-image-count"), (404, "NotAuthorizedOrNotFound", "launch what?")],
)
def test_other_refusals_are_errors(
    oracle: ScriptedOracle, warnings: list[str], status: int, code: str, message: str
) -> None:
    oracle.expect(_list(), error("POST", "/images", status, code, message))
    with pytest.raises(ProviderError, match=f"Could not import image {_NAME}: {re.escape(message)}") as caught:
        _manage(oracle, warnings)
    assert caught.value.code == code


def test_explicit_preset_is_not_replaced_when_refused(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(), error("POST", "/images", 400, "InvalidParameter", "launchMode NATIVE is not allowed"))
    with pytest.raises(ProviderError):
        _manage(oracle, warnings, launch_mode="NATIVE")


# Imports that fail


@pytest.mark.parametrize("state", ["DELETED", "DISABLED"])
def test_failed_import_is_told_with_the_work_requests_reason(
    oracle: ScriptedOracle, warnings: list[str], state: str
) -> None:
    oracle.expect(_list(), *_create(), _work("FAILED", 30), _get(state), _errors("Not a qcow2.", "Giving up."))
    with pytest.raises(ProviderError) as caught:
        _manage(oracle, warnings)
    assert caught.value.message == (
        f"The import of image {_NAME} failed, and the image is {state}: Not a qcow2.; Giving up."
    )
    assert caught.value.as_result() == {
        "operation": "CreateImage",
        "code": "InvalidImage",
        "status": None,
        "details": {"image_id": _ID, "work_request_id": _WORK_REQUEST},
    }


def test_failed_work_request_counts_before_the_image_changes(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(), *_create(), _work("CANCELED"), _get("IMPORTING"), _errors("Canceled by an operator."))
    with pytest.raises(ProviderError, match=r"Canceled by an operator\."):
        _manage(oracle, warnings)


def test_image_that_is_gone_counts_as_deleted(oracle: ScriptedOracle, warnings: list[str]) -> None:
    gone = error("GET", f"/images/{_ID}", 404, "NotAuthorizedOrNotFound")
    oracle.expect(_list(), *_create(), _work("FAILED"), gone, _errors("Too large."))
    with pytest.raises(ProviderError, match=r"the image is DELETED: Too large\."):
        _manage(oracle, warnings)


def test_reason_may_be_out_of_reach(oracle: ScriptedOracle, warnings: list[str]) -> None:
    hidden = error("GET", f"/workRequests/{_WORK_REQUEST}", 404, "NotAuthorizedOrNotFound")
    hidden_errors = error("GET", f"/workRequests/{_WORK_REQUEST}/errors", 404, "NotAuthorizedOrNotFound")
    oracle.expect(_list(), *_create(), hidden, _get("DELETED"), hidden_errors)
    with pytest.raises(ProviderError, match="the permission to read work requests"):
        _manage(oracle, warnings)


def test_import_is_followed_without_a_work_request(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(), Call("POST", "/images", _image("IMPORTING")), _list(), _works(), _get("IMPORTING"), _get())
    assert _manage(oracle, warnings)["work_request_id"] is None


def test_waiting_is_bounded(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(), *_create(), _work(), _get("IMPORTING"))
    with pytest.raises(WaitTimeoutError, match=f"waiting for the import of image {_NAME}"):
        _manage(oracle, warnings, wait_timeout=0)


def test_without_waiting_the_result_is_preliminary(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(), *_create())
    result = _manage(oracle, warnings, wait=False)
    assert result["changed"] is True
    assert result["lifecycle_state"] == "IMPORTING"
    assert result["firmware_from"] is None
    assert warnings == []


# Finding earlier work


def test_same_content_is_adopted(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(_image()))
    result = _manage(oracle, warnings)
    assert result["changed"] is False
    assert result["image_id"] == _ID
    assert result["diff"] == {"before": {}, "after": {}}


def test_all_pages_are_looked_at(oracle: ScriptedOracle, warnings: list[str]) -> None:
    first = Call("GET", "/images", [_image("DELETED")], headers={"opc-next-page": "2"})
    oracle.expect(first, Call("GET", "/images", [_image()]))
    assert _manage(oracle, warnings)["changed"] is False


def test_import_in_flight_is_followed(oracle: ScriptedOracle, warnings: list[str]) -> None:
    requests = [
        {"id": "older", "timeAccepted": "2026-11-01T00:00:00.000Z"},
        {"id": _WORK_REQUEST, "timeAccepted": "2026-11-02T00:00:00.000Z"},
    ]
    listing = Call("GET", "/workRequests", requests, query={"compartmentId": COMPARTMENT, "resourceId": _ID})
    oracle.expect(_list(_image("IMPORTING")), listing, _work(), _get())
    result = _manage(oracle, warnings)
    assert result["changed"] is False
    assert result["lifecycle_state"] == "AVAILABLE"
    assert result["work_request_id"] == _WORK_REQUEST


def test_import_in_flight_is_not_waited_for_in_check_mode(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(_image("IMPORTING")), Call("GET", "/workRequests", []))
    result = _manage(oracle, warnings, check_mode=True)
    assert result["changed"] is False
    assert result["lifecycle_state"] == "IMPORTING"


def test_complete_image_is_preferred_to_one_in_flight(oracle: ScriptedOracle, warnings: list[str]) -> None:
    flight = _image("IMPORTING", id="flight", timeCreated="2026-10-01T00:00:00.000Z")
    oracle.expect(_list(flight, _image()))
    assert _manage(oracle, warnings)["image_id"] == _ID


def test_oldest_of_several_is_taken(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(_image(), _image(id="older", timeCreated="2026-10-01T00:00:00.000Z")))
    assert _manage(oracle, warnings)["image_id"] == "older"


@pytest.mark.parametrize("state", ["DELETED", "DISABLED"])
def test_failed_image_is_replaced(oracle: ScriptedOracle, warnings: list[str], state: str) -> None:
    oracle.expect(_list(_image(state)), *_create())
    assert _manage(oracle, warnings, wait=False)["changed"] is True


def test_platform_images_are_none_of_ours(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(_image(compartmentId=None)), *_create())
    assert _manage(oracle, warnings, wait=False)["changed"] is True


@pytest.mark.parametrize("tags", [{}, {"source-sha256": "cd" * 32}])
def test_same_name_with_other_content_is_a_conflict(
    oracle: ScriptedOracle, warnings: list[str], tags: dict[str, str]
) -> None:
    oracle.expect(_list(_image(freeformTags=tags)))
    with pytest.raises(ConflictError, match=f"{_ID} .* Choose another name, or delete that image"):
        _manage(oracle, warnings)


# Converging


def test_tags_and_version_are_updated_and_other_tags_kept(oracle: ScriptedOracle, warnings: list[str]) -> None:
    old = _image(freeformTags={**_TAGS, "owner": "them"}, operatingSystemVersion="3.24.1")
    tags = {**_TAGS, "owner": "them", "team": "a"}
    oracle.expect(
        _list(old),
        Call(
            "PUT",
            f"/images/{_ID}",
            _image(freeformTags=tags),
            body={"freeformTags": tags, "operatingSystemVersion": "3.24.2"},
        ),
    )
    result = _manage(oracle, warnings, freeform_tags={"team": "a"})
    assert result["changed"] is True
    assert result["freeform_tags"] == tags
    assert result["diff"]["before"]["operating_system_version"] == "3.24.1"
    assert result["diff"]["after"]["operating_system_version"] == "3.24.2"


def test_update_in_check_mode_writes_nothing(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(_image()))
    result = _manage(oracle, warnings, check_mode=True, freeform_tags={"team": "a"})
    assert result["changed"] is True
    assert result["diff"]["after"] == {"freeform_tags": {**_TAGS, "team": "a"}}


def test_version_that_is_not_given_is_kept(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(_image(operatingSystemVersion="3.20")))
    assert _manage(oracle, warnings, operating_system_version=None)["changed"] is False


def test_import_in_check_mode_writes_nothing(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list())
    result = _manage(oracle, warnings, check_mode=True)
    assert result["changed"] is True
    assert result["image_id"] is None
    assert result["firmware"] == "UEFI_64"
    assert result["firmware_from"] is None
    assert result["launch_options"]["firmware"] == "UEFI_64"
    assert result["diff"]["after"]["launch_mode"] == "CUSTOM"


# Deleting


def test_deleting_takes_all_images_of_the_content(oracle: ScriptedOracle, warnings: list[str]) -> None:
    twin = _image(id="twin")
    oracle.expect(
        _list(_image(), twin),
        Call("DELETE", f"/images/{_ID}", status=204),
        Call("DELETE", "/images/twin", status=204),
        _get("DELETED"),
        error("GET", "/images/twin", 404, "NotAuthorizedOrNotFound"),
    )
    result = _manage(oracle, warnings, state="absent")
    assert result["changed"] is True
    assert result["image_ids"] == [_ID, "twin"]
    assert result["diff"]["after"] == {}


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("tags", [{"source-sha256": "cd" * 32}, {}])
def test_other_content_is_not_deleted_unless_the_name_alone_is_given(
    oracle: ScriptedOracle, warnings: list[str], tags: dict[str, str], *, check_mode: bool
) -> None:
    other = _image(id="other", freeformTags=tags)
    oracle.expect(_list(_image(), other))
    with pytest.raises(ConflictError, match=f"{_NAME} \\(other\\) carries .* not {_SHA256}, and is not removed"):
        _manage(oracle, warnings, state="absent", check_mode=check_mode)
    oracle.expect(
        _list(_image(), other),
        Call("DELETE", f"/images/{_ID}", status=204),
        Call("DELETE", "/images/other", status=204),
    )
    assert len(_manage(oracle, warnings, state="absent", source_sha256=None, wait=False)["image_ids"]) == 2


def test_a_lost_answer_to_a_deletion_is_a_missing_right_only_where_the_image_stays(
    oracle: ScriptedOracle, warnings: list[str]
) -> None:
    lost = error("DELETE", f"/images/{_ID}", 404, "NotAuthorizedOrNotFound")
    oracle.expect(_list(_image()), lost, _get("DELETED"))
    assert _manage(oracle, warnings, state="absent", wait=False)["changed"] is True
    oracle.expect(_list(_image()), lost, _get())
    with pytest.raises(ProviderError, match="a policy is missing"):
        _manage(oracle, warnings, state="absent", wait=False)


def test_deleting_in_check_mode_writes_nothing(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(_image()))
    assert _manage(oracle, warnings, state="absent", check_mode=True)["changed"] is True


def test_nothing_to_delete(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_list(_image("DELETED")))
    assert _manage(oracle, warnings, state="absent") == {
        "changed": False,
        "image_ids": [],
        "diff": {"before": {}, "after": {}},
    }


def test_deletion_is_waited_for(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(
        _list(_image()),
        Call("DELETE", f"/images/{_ID}", status=204),
        _get(),
        error("GET", f"/images/{_ID}", 404, "NotAuthorizedOrNotFound"),
    )
    assert _manage(oracle, warnings, state="absent")["changed"] is True
