# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local mirror is what the tests of downloads take it for, right and wrong."""

from __future__ import annotations

import hashlib
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.support.sandboxes import RunningSandbox, StartSandbox

_IMAGE = "alpine-3.24.2-x86_64-tiny-r0.qcow2"


class Mirror:
    """The sandbox, and requests to it."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.variables: dict[str, Any] = yaml.safe_load(sandbox.vars_file.read_text())
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(self.variables["alpine_image_ca_file"])

    def get(self, path: str, condition: str = "", **headers: str) -> requests.Response:
        url = (
            f"{self.variables['sandbox_mirror_url']}/{condition}{'/' if condition else ''}alpine/v3.24/releases/cloud/"
        )
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.get(url + path, headers=names, timeout=30)


@pytest.fixture(scope="module")
def mirror(start_sandbox: StartSandbox) -> Mirror:
    return Mirror(start_sandbox("mirror"))


@pytest.fixture(scope="module")
def image(mirror: Mirror) -> bytes:
    return mirror.get(_IMAGE).content


def _verify(mirror: Mirror, key: str, image: bytes, signature: bytes, folder: Path) -> str:
    """What GnuPG thinks of a signature, as status words."""
    (folder / "image").write_bytes(image)
    (folder / "image.asc").write_bytes(signature)
    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--no-autostart", "--status-fd", "1"]
    subprocess.run(
        [*gpg, "--import", mirror.variables["sandbox_mirror_key_files"][key]], check=True, capture_output=True
    )
    command = [*gpg, "--verify", str(folder / "image.asc"), str(folder / "image")]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def test_ranges(mirror: Mirror, image: bytes) -> None:
    start = mirror.sandbox.mark()
    whole = mirror.get(_IMAGE)
    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    part = mirror.get(_IMAGE, Range="bytes=1000-", If_Range=whole.headers["ETag"])
    assert part.status_code == 206
    assert part.content == image[1000:]
    assert part.headers["Content-Range"] == f"bytes 1000-{len(image) - 1}/{len(image)}"
    beyond = mirror.get(_IMAGE, Range=f"bytes={len(image)}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(image)}")
    other = mirror.get(_IMAGE, Range="bytes=1000-", If_Range='"another"')
    assert (other.status_code, other.content) == (200, image)
    log = [line for line in mirror.sandbox.logged_requests(start) if line["range"] == "bytes=1000-"]
    assert [(line["operation"], line["status"]) for line in log] == [("GetFile", 206), ("GetFile", 200)]
    assert log[0]["bytes_out"] == len(image) - 1000


def test_servers_that_do_not_help_to_resume(mirror: Mirror, image: bytes) -> None:
    without = mirror.get(_IMAGE, "no-ranges", Range="bytes=1000-")
    assert (without.status_code, without.content) == (200, image)
    assert "Accept-Ranges" not in without.headers
    etag = mirror.get(_IMAGE, "changing").headers["ETag"]
    assert mirror.get(_IMAGE, "changing", Range="bytes=1000-", If_Range=etag).status_code == 200


def test_an_answer_breaks_off_halfway(mirror: Mirror, image: bytes) -> None:
    mirror.sandbox.order_fault("mirror", operation="GetFile", drop="during")
    with pytest.raises(requests.RequestException):
        mirror.get(_IMAGE)
    assert mirror.sandbox.logged_requests()[-1]["bytes_out"] == len(image) // 2
    assert mirror.get(_IMAGE).content == image


def test_slow(mirror: Mirror, image: bytes) -> None:
    began = time.monotonic()
    assert mirror.get(_IMAGE, "slow", Range="bytes=0-262143").content == image[: 256 << 10]
    assert time.monotonic() - began >= 0.25


def test_checksums(mirror: Mirror, image: bytes) -> None:
    digest = hashlib.sha512(image).hexdigest()
    assert mirror.get(f"{_IMAGE}.sha512").text == f"{digest}\n"
    assert mirror.get(f"{_IMAGE}.sha512", "sha512sum").text == f"{digest}  {_IMAGE}\n"
    wrong = mirror.get(f"{_IMAGE}.sha512", "wrong-sha512").text
    assert wrong != f"{digest}\n"
    assert len(wrong) == len(digest) + 1
    assert mirror.get(f"{_IMAGE}.sha512", "no-sha512").status_code == 404


def test_spoilt_images(mirror: Mirror, image: bytes) -> None:
    corrupt = mirror.get(_IMAGE, "corrupt").content
    assert len(corrupt) == len(image)
    assert sum(one != other for one, other in zip(corrupt, image, strict=True)) == 1
    truncated = mirror.get(_IMAGE, "truncated")
    assert truncated.status_code == 200
    assert image.startswith(truncated.content)
    assert len(truncated.content) == len(image) * 3 // 4
    for condition in ("corrupt", "truncated"):
        assert mirror.get(f"{_IMAGE}.sha512", condition).text == mirror.get(f"{_IMAGE}.sha512").text


@pytest.mark.parametrize(
    ("condition", "key", "status"),
    [
        ("", "signer", "GOODSIG"),
        ("wrong-signature", "signer", "BADSIG"),
        ("other-signature", "signer", "NO_PUBKEY"),
        ("other-signature", "other", "GOODSIG"),
        ("expired-signature", "expired", "EXPKEYSIG"),
    ],
)
def test_signatures(mirror: Mirror, image: bytes, tmp_path: Path, condition: str, key: str, status: str) -> None:
    signature = mirror.get(f"{_IMAGE}.asc", condition).content
    assert f"[GNUPG:] {status} " in _verify(mirror, key, image, signature, tmp_path)


def test_no_signature(mirror: Mirror) -> None:
    assert mirror.get(f"{_IMAGE}.asc", "unsigned").status_code == 404
    assert f"{_IMAGE}.asc" not in mirror.get("", "unsigned").text


def test_metadata_of_both_schemas(mirror: Mirror) -> None:
    old = yaml.safe_load(mirror.get("generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.yaml").text)
    new = yaml.safe_load(mirror.get("alpine-3.24.2-x86_64-tiny-r0.yaml").text)
    assert (old["cloud"], old["firmware"], old["release"]) == ("generic", "uefi", "3.24.1")
    assert "nocloud" in new["clouds"]
    assert "cloud" not in new
    assert "firmware" not in new


def test_a_condition_that_there_is_not_is_not_found(mirror: Mirror) -> None:
    assert mirror.get("", "unknown").status_code == 404
