# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_image_download over the sandbox's mirror: what is refused leaves nothing that could be taken for an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.modules.mirror.conftest import IMAGE, Site
from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk
from tests.support.module_run import run_module

MODULE = "alpine_image_download"
_MISSING = "alpine-3.24.9-x86_64-tiny-r0.qcow2"


def assert_refused(downloads: Cloud, tmp_path: Path, *words: str, **options: Any) -> None:
    refused = downloads.fails(MODULE, **options)
    for expected in words:
        assert expected in refused.msg
    assert not list(tmp_path.rglob("*.qcow2"))


@pytest.mark.parametrize(
    ("condition", "reason", "remedy"),
    [
        ("/no-sha512", "there is no SHA-512 of it: ", "option sha512_url"),
        ("/wrong-sha512", "is not the image that it should be", ".rejected"),
        ("/corrupt", "is not the image that it should be", ".rejected"),
        ("/truncated", "is not the image that it should be", ".rejected"),
        ("/unsigned", "there is no signature", "verify_signature to prefer"),
        ("/wrong-signature", "is not one of this content", ".rejected"),
        ("/other-signature", "made by the key OTHER", "option fingerprint"),
    ],
)
def test_a_mirror_in_disorder(
    downloads: Cloud, site: Site, tmp_path: Path, condition: str, reason: str, remedy: str
) -> None:
    reason = reason.replace("OTHER", site.fingerprints["other"])
    assert_refused(downloads, tmp_path, reason, remedy, url=[site.url(IMAGE, condition)])


def test_a_name_that_is_nowhere(downloads: Cloud, site: Site, tmp_path: Path) -> None:
    url = [site.url(_MISSING)]
    assert_refused(downloads, tmp_path, "there is no SHA-512 of it: ", "alpine_image_info", url=url)
    assert_refused(downloads, tmp_path, "404", "alpine_image_info", url=url, sha512="0" * 128)


def test_a_signature_that_has_expired(downloads: Cloud, site: Site, tmp_path: Path) -> None:
    assert_refused(
        downloads,
        tmp_path,
        "expired on 20",
        "option key",
        url=[site.url(IMAGE, "/expired-signature")],
        key=site.keys["expired"],
        fingerprint=site.fingerprints["expired"],
    )


def test_keys_that_are_not_the_signers(downloads: Cloud, site: Site, tmp_path: Path) -> None:
    other, signer = site.fingerprints["other"], site.fingerprints["signer"]
    held = f"holds the key {other}, but fingerprint says {signer}"
    assert_refused(downloads, tmp_path, held, "option fingerprint", key=site.keys["other"])
    fetched = f"{site.root}/keys/other.asc"
    assert_refused(downloads, tmp_path, f"holds the key {other}", "do not trust this key", key_url=fetched)
    said = f"but fingerprint says {other}"
    assert_refused(downloads, tmp_path, said, "option fingerprint", fingerprint=other)


def test_keys_that_are_not_there(downloads: Cloud, site: Site, tmp_path: Path) -> None:
    nobody = f"{site.root}/keys/nobody.asc"
    assert_refused(downloads, tmp_path, "the signer's key cannot be fetched", "option key", key_url=nobody)
    (tmp_path / "no.asc").write_text("no key")
    missing = str(tmp_path / "missing.asc")
    assert_refused(downloads, tmp_path, "missing.asc cannot be read", "No such file", key=missing)
    assert_refused(downloads, tmp_path, "holds no OpenPGP public key", "'no key'", key=str(tmp_path / "no.asc"))


@pytest.mark.parametrize(
    ("options", "reason", "remedy"),
    [
        ({"fingerprint": "BFFCDF22"}, "fingerprint must be the whole fingerprint", "40 hexadecimal digits"),
        ({"ca_file": "/etc/hostname"}, "ca_file /etc/hostname", "PEM"),
        ({"work_dir": "/proc/alpine.cloud"}, "work_dir /proc/alpine.cloud", "option work_dir"),
        ({"url": ["/images/alpine.qcow2"]}, "url must be a URL", ""),
        (
            {"url": [f"http://127.0.0.1:1/{IMAGE}"], "sha512": "0" * 128},
            "Connection refused",
            "https_proxy",
        ),
    ],
)
def test_options_that_cannot_work(
    downloads: Cloud, tmp_path: Path, options: dict[str, Any], reason: str, remedy: str
) -> None:
    assert_refused(downloads, tmp_path, reason, remedy, **options)


def test_a_machine_without_gnupg(downloads: Cloud) -> None:
    refused = run_module(MODULE, downloads.options, home=downloads.home, environment={"PATH": "/nowhere"})
    assert refused.failed
    assert "gpg is not on PATH" in refused.msg
    assert "gnupg (Debian, Ubuntu" in refused.msg


def test_a_local_file_that_is_another(downloads: Cloud, site: Site, small_disk: SmallDisk) -> None:
    sha512 = site.get(f"{site.url()}.sha512").text.strip()
    before = small_disk.qcow2.read_bytes()
    refused = downloads.fails(MODULE, url=None, src=str(small_disk.qcow2), sha512=sha512)
    assert refused.msg.startswith(f"src {small_disk.qcow2} is not the image that it should be")
    assert small_disk.qcow2.read_bytes() == before
