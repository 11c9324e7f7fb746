# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_image_download over the sandbox's mirror: downloads that come to a good end."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from tests.modules.mirror.conftest import IMAGE, Site
from tests.support.cloud import Cloud

MODULE = "alpine_image_download"


def _downloads(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [request for request in requests if request["operation"] == "GetFile"]


def test_a_download_happens_once(downloads: Cloud, site: Site, tmp_path: Path) -> None:
    sha512 = site.get(f"{site.url()}.sha512").text.strip()
    after = {"path": str(tmp_path / "work/downloads" / sha512 / IMAGE), "sha512": sha512}
    start = downloads.mark()
    check = downloads.succeeds(MODULE, check_mode=True)
    assert not (tmp_path / "work").exists()
    assert _downloads(downloads.requests(start)) == []
    real = downloads.succeeds(MODULE)
    check_again = downloads.succeeds(MODULE, check_mode=True)
    real_again = downloads.succeeds(MODULE)

    assert check.changed
    assert (check["path"], check["size"]) == (after["path"], None)
    assert check["diff"] == {"before": {}, "after": after}
    assert real.changed
    assert real["diff"] == check["diff"]
    content = Path(real["path"]).read_bytes()
    assert (real["path"], real["sha512"], real["size"]) == (after["path"], sha512, len(content))
    assert hashlib.sha512(content).hexdigest() == sha512
    assert real["sha256"] == hashlib.sha256(content).hexdigest()
    assert (real["downloaded_bytes"], real["resumed"]) == (real["size"], False)
    assert real["url"] == site.url()
    assert real["verified"] == {"checksum": True, "signature": True, "fingerprint": site.fingerprint}
    assert not check_again.changed
    assert check_again["verified"] == real["verified"]
    assert not real_again.changed
    assert (real_again["path"], real_again["sha256"]) == (real["path"], real["sha256"])
    assert real_again["downloaded_bytes"] == 0
    assert real_again["diff"] == {"before": {}, "after": {}}
    assert len(_downloads(downloads.requests(start))) == 1
    assert downloads.writes(start) == []
    # In check mode, and then once for all.
    assert downloads.operations(start).count("GetKey") == 2


@pytest.mark.parametrize(
    ("condition", "second", "resumed"),
    [("", "", True), ("", "/apache", True), ("/no-ranges", "/no-ranges", False), ("/changing", "/changing", False)],
)
def test_an_interrupted_download_goes_on_as_the_bytes_at_the_mirror_tell(
    downloads: Cloud, site: Site, condition: str, second: str, resumed: bool
) -> None:
    downloads.fault("GetFile", drop="during")
    downloads.fault("GetFile", nth=2, status=403)
    start = downloads.mark()
    broken = downloads.fails(MODULE, url=[site.url(IMAGE, condition)])
    continued = downloads.succeeds(MODULE, url=[site.url(IMAGE, second)])
    requests = _downloads(downloads.requests(start))
    size = continued["size"]
    # Such as bytes=12345-
    asked = re.search("[0-9]+", requests[-1]["range"] or "")
    assert asked
    first = int(asked[0])
    assert "What has arrived is kept, and the next run continues there." in broken.msg
    assert continued.changed
    assert continued["verified"] == {"checksum": True, "signature": True, "fingerprint": site.fingerprint}
    assert continued["resumed"] == resumed
    assert len(requests) == 3
    assert requests[0]["bytes_out"] < size
    assert 0 < first <= requests[0]["bytes_out"]
    assert continued["downloaded_bytes"] == size - (first if resumed else 0)
    assert requests[-1]["bytes_out"] == continued["downloaded_bytes"]


def test_trouble_that_passes_is_got_over(downloads: Cloud) -> None:
    downloads.fault("GetChecksum", status=503)
    downloads.fault("GetSignature", drop="before")
    downloads.fault("GetFile", status=503)
    assert downloads.succeeds(MODULE).changed


@pytest.mark.parametrize("condition", ["/lagging", "/corrupt", "/truncated"])
def test_what_the_first_mirror_has_not_comes_from_the_second(downloads: Cloud, site: Site, condition: str) -> None:
    second = downloads.succeeds(MODULE, url=[site.url(IMAGE, condition), site.url()])
    assert second.changed
    assert second["url"] == site.url()
    assert second["sha512"] == site.get(f"{site.url()}.sha512").text.strip()
    assert second["verified"]["signature"]


def test_what_is_not_signed_is_told_and_can_be_verified_later(downloads: Cloud, site: Site) -> None:
    unsigned = downloads.succeeds(MODULE, url=[site.url(IMAGE, "/unsigned")], verify_signature="prefer")
    # As YAML reads off without quotes.
    unlooked = downloads.succeeds(MODULE, url=[site.url(IMAGE, "/sha512sum")], verify_signature=False)
    later = downloads.succeeds(MODULE)
    assert unsigned.changed
    assert unsigned["verified"] == {"checksum": True, "signature": False, "fingerprint": None}
    assert len(unsigned.warnings) == 1
    assert "there is no signature" in unsigned.warnings[0]
    assert not unlooked.changed
    assert unlooked.warnings == []
    assert not later.changed
    assert later["verified"] == {"checksum": True, "signature": True, "fingerprint": site.fingerprint}


def test_a_known_digest_stands_in_for_a_signature(downloads: Cloud, site: Site) -> None:
    sha512 = site.get(f"{site.url()}.sha512").text.strip()
    pinned = downloads.succeeds(MODULE, url=[site.url(IMAGE, "/no-sha512")], sha512=sha512)
    assert pinned.changed
    assert not pinned["verified"]["signature"]
    assert pinned.warnings == []


def test_a_local_file_is_verified_and_left_as_it_is(downloads: Cloud, site: Site) -> None:
    real = downloads.succeeds(MODULE)
    local = downloads.succeeds(
        MODULE, url=None, src=real["path"], sha512_url=[f"{site.url()}.sha512"], signature_url=[f"{site.url()}.asc"]
    )
    assert not local.changed
    assert (local["path"], local["sha256"], local["verified"]) == (real["path"], real["sha256"], real["verified"])
