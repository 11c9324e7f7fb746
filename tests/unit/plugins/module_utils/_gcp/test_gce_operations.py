# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions as api

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import Wait
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.gce_image import (
    GceImageRequest,
    ensure_absent,
    ensure_present,
)
from tests.support.fake_compute import NAME, NO_WAIT, SHA256, SOURCE, WAIT, FakeCompute, image_request


@pytest.fixture
def cloud() -> FakeCompute:
    return FakeCompute()


def test_the_failure_inside_the_operation_is_raised(cloud: FakeCompute) -> None:
    cloud.import_error = {"code": "INVALID_IMAGE_TAR", "message": "The tar archive is not a valid image."}
    with pytest.raises(ProviderError) as failure:
        ensure_present(
            cloud.clients, image_request(source=f"{SOURCE}?X-Goog-Signature=secret"), check_mode=False, warn=print
        )
    assert failure.value.message == (
        f"Google Cloud could not import image {NAME} from {SOURCE}: The tar archive is not a valid image."
    )
    assert failure.value.as_result() == {
        "operation": "images.insert",
        "code": "INVALID_IMAGE_TAR",
        "status": 400,
        "details": [{"code": "INVALID_IMAGE_TAR", "message": "The tar archive is not a valid image."}],
    }


def test_the_failure_of_an_operation_may_be_a_status_alone(cloud: FakeCompute) -> None:
    cloud.import_status = (503, "SERVICE UNAVAILABLE")
    with pytest.raises(ProviderError, match=f"could not import image {NAME} from .*: SERVICE UNAVAILABLE$") as failure:
        ensure_present(cloud.clients, image_request(), check_mode=False, warn=print)
    assert failure.value.as_result() == {
        "operation": "images.insert", "code": None, "status": 503, "details": None
    }  # fmt: skip


def test_the_reason_of_an_operation_is_told_without_a_signature(cloud: FakeCompute) -> None:
    cloud.import_error = {"code": "NOT_FOUND", "message": f"{SOURCE}?X-Goog-Signature=secret is missing."}
    with pytest.raises(ProviderError) as failure:
        ensure_present(cloud.clients, image_request(), check_mode=False, warn=print)
    assert f"{SOURCE} is missing." in failure.value.message
    assert "secret" not in f"{failure.value.message} {failure.value.details}"


def test_how_far_an_import_is_can_be_followed(
    cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    followed = tmp_path / "progress"
    monkeypatch.setenv("ALPINE_CLOUD_PROGRESS_FILE", str(followed))
    cloud.polls_needed = 1
    ensure_present(cloud.clients, image_request(), check_mode=False, warn=print)
    lines = [json.loads(line) for line in followed.read_text().splitlines()]
    assert lines[-1] == {"step": "import", "done": 100, "total": 100, "unit": "percent"}


def test_waiting_has_a_bound(cloud: FakeCompute) -> None:
    cloud.polls_needed = 1_000_000
    with pytest.raises(WaitTimeoutError, match="Google Cloud to import image"):
        ensure_present(cloud.clients, image_request(wait=Wait(True, 0, 0)), check_mode=False, warn=print)


def test_labels_are_set_against_the_fingerprint_that_was_read(cloud: FakeCompute) -> None:
    cloud.put()
    ensure_present(cloud.clients, image_request(labels={"team": "x"}), check_mode=False, warn=print)
    [request] = cloud.requests
    assert request.global_set_labels_request_resource.label_fingerprint == "fingerprint"


@pytest.mark.parametrize("by_us", [True, False])
def test_labels_that_another_attempt_has_set_need_not_be_set_again(
    cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch, by_us: bool
) -> None:
    image = cloud.put()

    def set_labels(_request: Any, **_options: Any) -> None:
        image.labels = {"team": "x" if by_us else "y", "source-sha256": SHA256[:63]}
        raise api.PreconditionFailed("Labels fingerprint either invalid or resource labels have changed")

    monkeypatch.setattr(cloud, "set_labels_unary", set_labels)
    if by_us:
        assert ensure_present(cloud.clients, image_request(labels={"team": "x"}), check_mode=False, warn=print)[
            "changed"
        ]
    else:
        with pytest.raises(ProviderError, match=r"could not set the labels .*fingerprint"):
            ensure_present(cloud.clients, image_request(labels={"team": "x"}), check_mode=False, warn=print)


def test_an_adopted_import_that_fails_tells_why(cloud: FakeCompute) -> None:
    cloud.import_error = {"code": "INVALID_IMAGE_TAR", "message": "The tar archive is not a valid image."}
    ensure_present(cloud.clients, image_request(wait=NO_WAIT), check_mode=False, warn=print)
    with pytest.raises(ProviderError, match=r"could not import image .*The tar archive is not a valid image"):
        ensure_present(cloud.clients, image_request(), check_mode=False, warn=print)


def test_an_adopted_import_without_a_known_operation_is_looked_at_itself(
    cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = cloud.put(status="PENDING")
    looks = iter(["PENDING", "PENDING", "PENDING", "READY", "READY"])
    get = cloud.get

    def get_later(**options: Any) -> Any:
        image.status = next(looks)
        return get(**options)

    monkeypatch.setattr(cloud, "get", get_later)
    assert ensure_present(cloud.clients, image_request(), check_mode=False, warn=print)["status"] == "READY"


def test_a_missing_project_is_not_a_missing_image(cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(**_options: Any) -> Any:
        raise api.NotFound("The resource 'projects/my-project' was not found")

    monkeypatch.setattr(cloud, "get", get)
    with pytest.raises(ProviderError, match="'projects/my-project' was not found"):
        ensure_present(cloud.clients, image_request(), check_mode=True, warn=print)


def test_an_image_that_may_not_be_looked_at_is_not_missing(cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(**_options: Any) -> Any:
        raise api.Forbidden(f"compute.images.get is needed for 'projects/my-project/global/images/{NAME}'")

    monkeypatch.setattr(cloud, "get", get)
    with pytest.raises(ProviderError, match=r"compute\.images\.get is needed"):
        ensure_absent(cloud.clients, image_request(), check_mode=False)


@pytest.mark.parametrize("location", ["us", "eu", "asia", "europe-west1"])
def test_regions_and_multi_regions_store_images(cloud: FakeCompute, location: str) -> None:
    result = ensure_present(cloud.clients, image_request(storage_locations=[location]), check_mode=False, warn=print)
    assert result["storage_locations"] == [location]


@pytest.mark.parametrize("check_mode", [True, False])
def test_an_unknown_region_is_refused_first(cloud: FakeCompute, check_mode: bool) -> None:
    with pytest.raises(InputError, match="storage_locations: there is no region mars-west1"):
        ensure_present(
            cloud.clients, image_request(storage_locations=["mars-west1"]), check_mode=check_mode, warn=print
        )
    assert cloud.requests == []


def test_a_region_that_may_not_be_looked_at_is_an_error(cloud: FakeCompute, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(**options: Any) -> Any:
        raise api.NotFound("images/x") if "image" in options else api.Forbidden("may not look at regions/mars-west1")

    monkeypatch.setattr(cloud, "get", get)
    with pytest.raises(ProviderError, match="could not look for region mars-west1: may not look"):
        ensure_present(
            cloud.clients, image_request(name="x", storage_locations=["mars-west1"]), check_mode=True, warn=print
        )


@pytest.mark.parametrize("error", [None, {"code": "INVALID_IMAGE_TAR", "message": "Not valid."}])
def test_an_image_is_deleted_after_its_import(cloud: FakeCompute, error: Any) -> None:
    cloud.import_error = error
    ensure_present(cloud.clients, image_request(wait=NO_WAIT), check_mode=False, warn=print)
    assert ensure_absent(cloud.clients, GceImageRequest(NAME, None, WAIT), check_mode=False)["changed"]
    assert cloud.kinds() == ["Insert", "Delete"]
