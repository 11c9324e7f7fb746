# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_image_info over the sandbox's mirror."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modules.mirror.conftest import IMAGE, Site
from tests.support.cloud import Cloud

MODULE = "alpine_image_info"


def test_the_newest_images_are_found(infos: Cloud, site: Site) -> None:
    check = infos.succeeds(MODULE, check_mode=True)
    before = infos.mark()
    real = infos.succeeds(MODULE)
    assert infos.writes(before) == []
    assert not real.changed
    answers = [{**run.result, "invocation": None} for run in (check, real)]
    assert answers[0] == answers[1]

    newest = real["newest"]
    assert real["mirror_url"] == site.variables["alpine_image_mirror_url"][0]
    assert newest == real["images"][0]
    assert newest["name"] == "alpine-3.24.2-x86_64-cloudinit-r10"
    assert newest["url"] == site.url()
    assert newest["sha512_url"] == f"{site.url()}.sha512"
    assert newest["signature_url"] == f"{site.url()}.asc"
    assert newest["metadata_url"] == site.url("alpine-3.24.2-x86_64-cloudinit-r10.yaml")
    assert newest["end_of_life"] == "2028-05-01"
    assert newest["version"] == "3.24"
    assert (newest["firmware"], newest["cloud"]) == (None, None)
    assert list(dict.fromkeys(image["release"] for image in real["images"])) == ["3.24.2", "3.24.1"]
    alike = ("x86_64", "cloudinit", "3.24.2", "vm")
    revisions = [
        image["revision"]
        for image in real["images"]
        if (image["architecture"], image["bootstrap"], image["release"], image["machine"]) == alike
    ]
    assert revisions == [10, 2, 0]
    # The address leads to the image, which is as large as the listing says.
    assert len(site.get(newest["url"]).content) == newest["size"] > 0


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"release": "3.23", "arch": "aarch64"}, "alpine-3.23.6-aarch64-uefi-cloudinit-r0"),
        (
            {"release": "3.23", "bootstrap": "cloudinit", "firmware": "bios"},
            "alpine-3.23.4-x86_64-bios-cloudinit-r0",
        ),
        ({"release": "3.23.4"}, "alpine-3.23.4-x86_64-uefi-cloudinit-r0"),
        ({"release": "3.23", "formats": ["vhd"]}, "alpine-3.23.4-x86_64-uefi-tiny-r0"),
        ({"release": "3.24.2", "revision": 2}, "alpine-3.24.2-x86_64-cloudinit-r2"),
        ({"release": "3.24", "firmware": "bios", "bootstrap": "tiny"}, "alpine-3.24.2-x86_64-tiny-r0"),
        ({"release": "3.24", "machine": "metal"}, "alpine-3.24.2-x86_64-cloudinit-metal-r0"),
        ({"release": "3.22", "firmware": "bios"}, "alpine-3.22.1-x86_64-bios-cloudinit-r0"),
    ],
)
def test_what_is_wanted_is_found_in_all_schemes_of_names(infos: Cloud, options: dict[str, Any], name: str) -> None:
    newest = infos.succeeds(MODULE, **options)["newest"]
    assert newest["name"] == name
    if "machine" not in options:
        assert newest["format"] == options.get("formats", ["qcow2"])[0]


def test_formats_are_preferred_in_the_order_given(infos: Cloud) -> None:
    newest = infos.succeeds(MODULE, release="3.23", formats=["raw.tar.gz", "vhd"])["newest"]
    assert (newest["name"], newest["format"]) == ("alpine-3.23.4-x86_64-uefi-tiny-r0", "raw.tar.gz")


def test_generic_images_are_preferred(infos: Cloud) -> None:
    found = infos.succeeds(MODULE, release="3.23.4")
    assert found["newest"]["cloud"] == "generic"
    assert list(dict.fromkeys(image["cloud"] for image in found["images"])) == ["generic", "nocloud", "gcp", "aws"]


@pytest.mark.parametrize("server", ["apache", "lighttpd"])
def test_the_pages_of_other_servers_are_read_but_for_sizes(infos: Cloud, site: Site, server: str) -> None:
    real = infos.succeeds(MODULE)
    other = infos.succeeds(MODULE, mirror_url=f"{site.root}/{server}/alpine")
    assert [image["name"] for image in other["images"]] == [image["name"] for image in real["images"]]
    assert other["newest"]["size"] is None
    assert other["newest"]["modified"] == real["newest"]["modified"]


@pytest.mark.parametrize(("condition", "key"), [("no-sha512", "sha512_url"), ("unsigned", "signature_url")])
def test_missing_checksums_and_signatures_are_told(infos: Cloud, site: Site, condition: str, key: str) -> None:
    assert infos.succeeds(MODULE, mirror_url=f"{site.root}/{condition}/alpine")["newest"][key] is None


def test_a_release_that_only_the_last_mirror_has_is_found_there(infos: Cloud, site: Site) -> None:
    real = infos.succeeds(MODULE)
    mirrors = [f"{site.root}/missing/alpine", f"{site.root}/lagging/alpine", f"{site.root}/alpine/"]
    fallback = infos.succeeds(MODULE, release="3.24.2", mirror_url=mirrors)
    assert fallback["mirror_url"] == f"{site.root}/alpine"
    urls = [site.url(IMAGE, condition) for condition in ("", "/missing", "/lagging")]
    assert fallback["newest"] == {**real["newest"], "urls": urls}
    assert len(fallback.warnings) == 2
    assert "/missing/alpine/v3.24/releases/cloud/: HTTP status 404" in fallback.warnings[0]
    assert "/lagging/alpine: no image with release=3.24.2" in fallback.warnings[1]


def test_without_releases_the_mirror_knows_its_latest_branch(infos: Cloud, site: Site) -> None:
    real = infos.succeeds(MODULE)
    found = infos.succeeds(MODULE, releases_url=f"{site.root}/missing.json")
    assert found["newest"]["name"] == real["newest"]["name"]
    assert "/alpine/latest-stable/" in found["newest"]["url"]
    assert found["newest"]["end_of_life"] is None
    assert "/missing.json: HTTP status 404" in found.warnings[0]


def test_trouble_that_passes_is_got_over(infos: Cloud) -> None:
    real = infos.succeeds(MODULE)
    infos.fault("GetListing", status=503)
    infos.fault("GetListing", drop="during", nth=2)
    infos.fault("GetReleases", drop="before")
    start = infos.mark()
    assert infos.succeeds(MODULE)["newest"] == real["newest"]
    statuses = [request["status"] for request in infos.requests(start) if request["operation"] == "GetListing"]
    assert statuses[-1] == 200
    assert statuses.count(503) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"release": "edge"}, "release must be latest"),
        ({"release": "3.24.9"}, "no image with release=3.24.9, where release can be 3.24.2, 3.24.1"),
        ({"release": "3.2"}, "Alpine has no branch 3.2; the newest are 3.24, 3.23"),
        ({"release": "3.20"}, "/v3.20/releases/cloud/: HTTP status 404"),
        ({"bootstrap": "ignition"}, "where bootstrap can be cloudinit, tiny"),
        ({"arch": "aarch64", "firmware": "bios"}, "where firmware can be uefi"),
        ({"revision": 3}, "where revision can be 10, 2, 0"),
        ({"mirror_url": "ROOT/empty/alpine"}, "lists no cloud image"),
        ({"mirror_url": "ROOT/missing/alpine"}, "HTTP status 404"),
        ({"mirror_url": "https://127.0.0.1:1/alpine"}, "Connection refused"),
        ({"mirror_url": "dl-cdn.alpinelinux.org/alpine"}, "mirror_url must be a URL"),
        (
            {"mirror_url": "https://me:secret@127.0.0.1/alpine"},
            "mirror_url https://127.0.0.1/alpine must not hold",
        ),
        ({"ca_file": "/nowhere/ca.pem"}, "ca_file /nowhere/ca.pem"),
        ({"timeout": 0}, "timeout must be more than 0 seconds"),
    ],
)
def test_each_refusal_explains_itself(infos: Cloud, site: Site, options: dict[str, Any], message: str) -> None:
    placed = {key: value.replace("ROOT", site.root) if key == "mirror_url" else value for key, value in options.items()}
    refused = infos.fails(MODULE, **placed)
    assert message in refused.msg
    assert "secret" not in refused.msg


def test_certificates_are_verified_unless_the_user_says_otherwise(infos: Cloud) -> None:
    real = infos.succeeds(MODULE)
    untrusted = infos.fails(MODULE, ca_file=None)
    unverified = infos.succeeds(MODULE, ca_file=None, validate_certs=False)
    assert "certificate is not trusted; set ca_file" in untrusted.msg
    assert unverified["newest"] == real["newest"]
