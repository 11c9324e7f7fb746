# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Google Cloud refuses what Google refuses: tokens, requests, and archives that are no images."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from google.oauth2 import service_account

from tests.support.google_requests import SCOPE, Google
from tests.support.sandboxes import StartSandbox

_BUCKET = "sandbox-images"


@pytest.fixture(scope="module")
def google(start_sandbox: StartSandbox) -> Iterator[Google]:
    with Google.signed_in(start_sandbox("gcp"), _BUCKET) as google:
        yield google


@pytest.fixture(scope="module")
def archives(google: Google, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``disk.raw`` of 1 GiB; ``good.tar.gz`` made of it is in the bucket."""
    folder = tmp_path_factory.mktemp("archives")
    with (folder / "disk.raw").open("wb") as file:
        file.truncate(1 << 30)
    google.upload("good.tar.gz", _archive(folder, "--format=oldgnu", "-S", "disk.raw"))
    return folder


def _archive(folder: Path, *arguments: str) -> bytes:
    command = ["tar", "--use-compress-program=gzip -1", "-cf", "-", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


# Signing in


def test_a_token_needs_the_key_of_the_service_account(google: Google) -> None:
    credentials: Any = service_account.Credentials.from_service_account_file(google.key_file, scopes=[SCOPE])
    assertion = credentials._make_authorization_grant_assertion().decode()
    head, claims, signature = assertion.split(".")
    for forged in (f"{head}.{claims}.{signature[::-1]}", "nonsense", ""):
        response = requests.post(
            credentials._token_uri,
            data={"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": forged},
            verify=google.ca_file,
            timeout=30,
        )
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(("headers", "reason"), [({}, "required"), ({"Authorization": "Bearer x"}, "authError")])
def test_every_request_needs_a_token(google: Google, headers: dict[str, str], reason: str) -> None:
    for url in (google.images, f"{google.storage}/storage/v1/b/{_BUCKET}"):
        response = requests.get(url, headers=headers, verify=google.ca_file, timeout=30)
        assert response.status_code == 401
        assert response.json()["error"]["errors"][0]["reason"] == reason
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_scopes_are_checked(google: Google, start_sandbox: StartSandbox) -> None:
    reader = Google(start_sandbox("gcp"), _BUCKET, "https://www.googleapis.com/auth/compute.readonly")
    assert "items" in reader.json("GET", google.images)
    assert "scopes" in reader.refused("POST", google.images, google.image(), status=403)


# Requests that the API's description does not allow


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"nonsense": 1}, "Unknown name \"nonsense\" at 'resource': Cannot find field."),
        ({"rawDisk": {"source": "x", "size": 1}}, "Unknown name \"size\" at 'resource.rawDisk'"),
        ({"architecture": "aarch64"}, "Invalid value for field 'resource.architecture': 'aarch64'"),
        ({"guestOsFeatures": [{"type": "TELEPATHY"}]}, "Invalid value for field 'resource.guestOsFeatures[0].type'"),
        ({"guestOsFeatures": ["GVNIC"]}, "Invalid value at 'resource.guestOsFeatures[0]'"),
        ({"labels": {"team": 1}}, "Invalid value at 'resource.labels.team'"),
        ({"labels": {"Team": "x"}}, "Invalid value for field 'resource.labels': 'Team'"),
        ({"family": "Alpine"}, "Invalid value for field 'resource.family': 'Alpine'"),
        ({"description": "x" * 2049}, "Invalid value for field 'resource.description'"),
        ({"diskSizeGb": "many"}, "Invalid value at 'resource.diskSizeGb'"),
        ({"id": "1"}, "The field is output only."),
        ({"name": "alpine-3.24"}, "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'"),
        ({"rawDisk": {"source": "gs://a/b"}}, "not a valid Google Cloud Storage object reference"),
        ({"sourceImage": "x"}, "Must specify exactly one source for an image."),
        (
            {"architecture": "ARM64", "guestOsFeatures": [{"type": "SEV_CAPABLE"}]},
            "not supported by architecture ARM64",
        ),
    ],
)
def test_an_image_that_is_described_wrongly_is_refused(
    google: Google, archives: Path, fields: dict[str, Any], words: str
) -> None:
    assert words in google.refused("POST", google.images, google.image(**fields))


def test_an_image_needs_a_name_a_source_and_an_object(google: Google, archives: Path) -> None:
    image = google.image()
    assert "'resource.name' not specified" in google.refused("POST", google.images, {"rawDisk": image["rawDisk"]})
    assert "exactly one source" in google.refused("POST", google.images, {"name": image["name"]})
    missing = google.image(rawDisk={"source": f"https://storage.googleapis.com/{_BUCKET}/missing.tar.gz"})
    assert "was not found" in google.refused("POST", google.images, missing, status=404)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"dryRun": "true"}, 'Unknown name "dryRun"'),
        ({"forceCreate": "maybe"}, "boolean parameter forceCreate"),
        ({"requestId": "1"}, "Must be a UUID"),
        ({"requestId": str(uuid.UUID(int=0))}, "Must be a UUID"),
    ],
)
def test_query_parameters_are_checked(google: Google, archives: Path, query: dict[str, str], words: str) -> None:
    assert words in google.refused("POST", google.images, google.image(), params=query)


# Imports


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format=pax", "-S", "disk.raw"), "Supported formats are: GNU and OLDGNU."),
        # Not of the large disk, which ustar stores with all its zeros.
        (("--format=ustar", "--transform=s/small/disk/", "small.raw"), "Supported formats are: GNU and OLDGNU."),
        (("--format=gnu", "-S", "./disk.raw"), "was named ''./disk.raw''. It should be named ''disk.raw''."),
        (("--format=gnu", "-S", "--transform=s/.raw/.img/", "disk.raw"), "was named ''disk.img''"),
        (("--format=gnu", "-S", "disk.raw", "second"), "The tar archive is not a valid image."),
        (("--format=gnu", "-S", "--transform=s/small/disk/", "small.raw"), "The tar archive is not a valid image."),
        (None, "The tar archive is not a valid image."),
    ],
)
def test_a_wrong_archive_fails_the_operation(
    google: Google, archives: Path, arguments: tuple[str, ...] | None, words: str
) -> None:
    (archives / "second").write_bytes(b"x")
    (archives / "small.raw").write_bytes(bytes(512 << 10))
    good = _archive(archives, "--format=gnu", "-S", "disk.raw")
    google.upload("wrong.tar.gz", good[: len(good) // 2] if arguments is None else _archive(archives, *arguments))
    image = google.image(rawDisk={"source": f"https://storage.googleapis.com/{_BUCKET}/wrong.tar.gz"})
    operation = google.outcome(google.json("POST", google.images, image))
    assert operation["error"]["errors"][0] == {
        "code": "INVALID_IMAGE_TAR",
        "message": operation["error"]["errors"][0]["message"],
    }
    assert words in operation["error"]["errors"][0]["message"]
    assert google.json("GET", f"{google.images}/{image['name']}")["status"] == "FAILED"


def test_an_import_takes_time_and_reads_the_object_meanwhile(
    google: Google, archives: Path, start_sandbox: StartSandbox
) -> None:
    google.upload("vanishing.tar.gz", _archive(archives, "--format=gnu", "-S", "disk.raw"))
    image = google.image(rawDisk={"source": f"https://storage.googleapis.com/{_BUCKET}/vanishing.tar.gz"})
    with start_sandbox("gcp").held("gcp", "images.insert"):
        operation = google.json("POST", google.images, image)
        assert operation["status"] == "RUNNING"
        pending = google.json("GET", f"{google.images}/{image['name']}")
        assert pending["status"] == "PENDING"
        assert "is not ready" in google.refused("DELETE", f"{google.images}/{image['name']}")
        google.json("DELETE", f"{google.storage}/storage/v1/b/{_BUCKET}/o/vanishing.tar.gz", status=204)
    assert google.outcome(operation)["error"]["errors"][0]["code"] == "RESOURCE_NOT_FOUND"


def test_immutables_and_names_and_request_ids(google: Google, archives: Path) -> None:
    image = google.image(labels={"a": "b"})
    request_id = {"requestId": str(uuid.uuid4())}
    operation = google.json("POST", google.images, image, params=request_id)
    again = google.json("POST", google.images, image, params=request_id)
    assert again["name"] == operation["name"]
    assert "another request" in google.refused("POST", google.images, google.image(), params=request_id)
    google.outcome(operation)
    assert "already exists" in google.refused("POST", google.images, image, status=409)
    url = f"{google.images}/{image['name']}"
    immutables: list[dict[str, Any]] = [
        {"architecture": "ARM64"},
        {"guestOsFeatures": [{"type": "GVNIC"}]},
        {"labels": {}},
    ]
    for fields in immutables:
        assert "cannot be changed" in google.refused("PATCH", url, fields)
    stale = {"labels": {}, "labelFingerprint": "AAAAAAAAAAA="}
    assert "fingerprint" in google.refused("POST", f"{url}/setLabels", stale, status=412)
    assert google.json("GET", url)["labels"] == {"a": "b"}


def test_a_family_stands_for_its_newest_image(google: Google, archives: Path) -> None:
    family = f"family-{uuid.uuid4()}"
    for name in ("older", "newer"):
        google.outcome(google.json("POST", google.images, google.image(name=f"{family}-{name}", family=family)))
    assert google.json("GET", f"{google.images}/family/{family}")["name"] == f"{family}-newer"
