# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Google Cloud refuses what Google refuses, so that a test that passes means something."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account

from tests.support.sandboxes import StartSandbox

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_BUCKET = "sandbox-gcp-tests"


class Google:
    """The sandbox, signed in."""

    def __init__(self, variables: dict[str, Any], scope: str = _SCOPE) -> None:
        self.storage: str = variables["alpine_gcp_storage_endpoint"]
        self.images: str = (
            variables["alpine_gcp_compute_endpoint"] + "/compute/v1/projects/alpine-sandbox/global/images"
        )
        self.key_file: str = variables["alpine_gcp_service_account_file"]
        self.ca_file: str = variables["alpine_gcp_ca_file"]
        credentials: Any = service_account.Credentials.from_service_account_file(self.key_file, scopes=[scope])
        tokens = requests.Session()
        self.session: Any = AuthorizedSession(credentials, auth_request=Request(tokens))
        for session in (tokens, self.session):
            session.trust_env = False
            session.verify = self.ca_file

    def json(self, method: str, url: str, body: Any = None, status: int = 200, **options: Any) -> dict[str, Any]:
        response = self.session.request(method, url, json=body, timeout=30, **options)
        assert response.status_code == status, response.text
        return dict(response.json()) if response.content else {}

    def refused(self, method: str, url: str, body: Any = None, status: int = 400, **options: Any) -> str:
        error = self.json(method, url, body, status, **options)["error"]
        assert error["code"] == status
        assert error["errors"][0]["reason"]
        return str(error["message"])

    def upload(self, name: str, data: bytes) -> None:
        url = f"{self.storage}/upload/storage/v1/b/{_BUCKET}/o"
        response = self.session.post(url, params={"uploadType": "media", "name": name}, data=data, timeout=30)
        assert response.status_code == 200, response.text

    def image(self, **fields: Any) -> dict[str, Any]:
        """The body of a valid images.insert, with changes."""
        return {
            "name": f"test-{uuid.uuid4()}",
            "rawDisk": {"source": f"https://storage.googleapis.com/{_BUCKET}/good.tar.gz"},
            **fields,
        }

    def outcome(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation when it is done."""
        while operation["status"] != "DONE":
            time.sleep(0.05)
            operation = self.json("GET", self.images.replace("images", f"operations/{operation['name']}"))
        return operation


@pytest.fixture(scope="module")
def google(start_sandbox: StartSandbox) -> Iterator[Google]:
    variables = yaml.safe_load(start_sandbox("gcp").vars_file.read_text())
    google = Google(variables)
    google.json("POST", f"{google.storage}/storage/v1/b?project=alpine-sandbox", {"name": _BUCKET})
    yield google
    google.session.close()


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
    credentials: Any = service_account.Credentials.from_service_account_file(google.key_file, scopes=[_SCOPE])
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
    variables = yaml.safe_load(start_sandbox("gcp").vars_file.read_text())
    reader = Google(variables, "https://www.googleapis.com/auth/compute.readonly")
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


def test_an_import_takes_time_and_reads_the_object_meanwhile(google: Google, archives: Path) -> None:
    google.upload("vanishing.tar.gz", _archive(archives, "--format=gnu", "-S", "disk.raw"))
    image = google.image(rawDisk={"source": f"https://storage.googleapis.com/{_BUCKET}/vanishing.tar.gz"})
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


# Objects


def _start_upload(google: Google, name: str, **options: Any) -> str:
    url = f"{google.storage}/upload/storage/v1/b/{_BUCKET}/o"
    query = {"uploadType": "resumable", "name": name, **options}
    response = google.session.post(url, params=query, json={"metadata": {"a": "b"}}, timeout=30)
    assert response.status_code == 200, response.text
    return str(response.headers["Location"])


def _send(google: Google, location: str, data: bytes | None, content_range: str, **headers: str) -> Any:
    headers = {"Content-Range": f"bytes {content_range}", **headers}
    return google.session.put(location, data=data, headers=headers, timeout=30)


def test_a_resumable_upload_goes_on_where_it_was(google: Google) -> None:
    chunk = 256 * 1024
    location = _start_upload(google, "resumed")
    assert "Range" not in _send(google, location, None, "*/*").headers
    assert _send(google, location, bytes(1000), f"0-999/{chunk + 5}").status_code == 400
    assert (
        _send(google, location, bytes(chunk), f"0-{chunk - 1}/{chunk + 5}").headers["Range"] == f"bytes=0-{chunk - 1}"
    )
    # Again: the client had not seen the answer.
    assert _send(google, location, bytes(chunk), f"0-{chunk - 1}/{chunk + 5}").status_code == 308
    assert _send(google, location, b"xx", f"{chunk + 1}-{chunk + 2}/{chunk + 5}").status_code == 400
    assert _send(google, location, None, "*/*").headers["Range"] == f"bytes=0-{chunk - 1}"
    made = _send(google, location, b"world", f"{chunk}-{chunk + 4}/{chunk + 5}")
    assert (made.status_code, made.json()["size"], made.json()["metadata"]) == (200, str(chunk + 5), {"a": "b"})
    assert _send(google, location, None, "*/*").json()["generation"] == made.json()["generation"]


def test_hashes_are_compared(google: Google) -> None:
    wrong = {"x-goog-hash": "crc32c=AAAAAA=="}
    response = _send(google, _start_upload(google, "damaged"), b"hello", "0-4/5", **wrong)
    assert response.status_code == 400
    assert "doesn't match calculated" in response.text
    google.refused("GET", f"{google.storage}/storage/v1/b/{_BUCKET}/o/damaged", status=404)


def test_preconditions_hold_at_the_end_too(google: Google) -> None:
    first = _start_upload(google, "contended", ifGenerationMatch="0")
    second = _start_upload(google, "contended", ifGenerationMatch="0")
    assert _send(google, first, b"hello", "0-4/5").status_code == 200
    assert _send(google, second, b"world", "0-4/5").status_code == 412
    query = {"uploadType": "resumable", "name": "contended", "ifGenerationMatch": "0"}
    google.refused("POST", f"{google.storage}/upload/storage/v1/b/{_BUCKET}/o", {}, status=412, params=query)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "Capital"}, "Invalid bucket name"),
        ({"name": _BUCKET + "-2", "location": "MARS"}, "location constraint is not valid"),
        ({"name": _BUCKET + "-2", "publicAccess": False}, 'Unknown name "publicAccess"'),
    ],
)
def test_a_wrong_bucket_is_refused(google: Google, body: dict[str, Any], words: str) -> None:
    assert words in google.refused("POST", f"{google.storage}/storage/v1/b?project=alpine-sandbox", body)


def test_buckets_belong_to_a_project_and_stay_while_they_hold_objects(google: Google, archives: Path) -> None:
    url = f"{google.storage}/storage/v1/b"
    assert "Unknown project" in google.refused("POST", f"{url}?project=other", {"name": "other-bucket"})
    google.refused("POST", f"{url}?project=alpine-sandbox", {"name": _BUCKET}, status=409)
    google.refused("DELETE", f"{url}/{_BUCKET}", status=409)


def test_the_client_librarys_parallel_upload_works(google: Google, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * (13 << 12))
    client: Any = storage.Client(
        project="alpine-sandbox",
        credentials=google.session.credentials,
        _http=google.session,
        client_options={"api_endpoint": google.storage},
    )
    blob = client.bucket(_BUCKET).blob("parallel/large")
    blob.metadata = {"source-sha256": "abc"}
    transfer_manager.upload_chunks_concurrently(
        str(file), blob, chunk_size=5 << 20, max_workers=2, worker_type=transfer_manager.THREAD
    )
    blob.reload()
    assert blob.metadata == {"source-sha256": "abc"}
    assert blob.download_as_bytes() == file.read_bytes()
