# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs that import the same image at once: one of them is kept back at each of several moments."""

from __future__ import annotations

import dataclasses

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk
from tests.support.module_run import ModuleResult

BLOB, VERSION = "alpine_azure_page_blob", "alpine_azure_gallery_version"


@dataclasses.dataclass(frozen=True)
class Import:
    """What the role does between an image definition and an image version."""

    blobs: Cloud
    versions: Cloud

    def finish(self) -> None:
        """Make the version of the blob that is there, unless it is there itself, and remove the blob."""
        version = self.versions.succeeds(VERSION)
        assert version["provisioning_state"] == "Succeeded"
        assert self.blobs.succeeds(BLOB, state="absent", best_effort=True)["remains"] == []

    def held_at(self, operation: str, module: str) -> ModuleResult:
        """Hold one run before Azure acts on this, have another do it all, and let the first one go on."""
        cloud = self.blobs if module == BLOB else self.versions
        with cloud.held(operation, "request"):
            first = cloud.start(module)
            cloud.sandbox.until_struck("azure")
            self.blobs.succeeds(BLOB)
            self.finish()
        return first.result()

    def check_end(self, small_disk: SmallDisk) -> None:
        before = self.versions.mark()
        version = self.versions.succeeds(VERSION)
        assert version["tags"]["source-sha256"] == small_disk.sha256
        assert not self.blobs.succeeds(BLOB, state="absent").changed, "nothing is left"
        assert self.versions.writes(before) == []


@pytest.fixture
def image_import(blobs: Cloud, versions: Cloud) -> Import:
    return Import(blobs.with_options(threads=1), versions)


@pytest.mark.parametrize("moment", ["PutBlob", "PutPage", "SetBlobProperties", "SetBlobMetadata"])
def test_two_runs_upload(image_import: Import, small_disk: SmallDisk, moment: str) -> None:
    image_import.blobs.succeeds(BLOB, state="absent")
    result = image_import.held_at(moment, BLOB)
    assert not result.failed, result.result
    image_import.finish()
    image_import.check_end(small_disk)


@pytest.mark.parametrize("moment", ["GalleryImageVersions_Get", "GalleryImageVersions_CreateOrUpdate"])
def test_two_runs_import(image_import: Import, small_disk: SmallDisk, moment: str) -> None:
    result = image_import.held_at(moment, VERSION)
    assert not result.failed, result.result
    image_import.check_end(small_disk)


def test_two_runs_import_at_the_same_moment(image_import: Import, small_disk: SmallDisk) -> None:
    versions = image_import.versions
    with versions.held("GalleryImageVersions_CreateOrUpdate"):
        mark = versions.mark()
        runs = [versions.start(VERSION) for _run in range(2)]
        versions.until("GalleryImageVersions_CreateOrUpdate", mark)
    for run in runs:
        result = run.result()
        assert not result.failed, result.result
    image_import.finish()
    image_import.check_end(small_disk)


def test_two_runs_replace_what_failed(image_import: Import, small_disk: SmallDisk) -> None:
    versions = image_import.versions
    versions.fault("GalleryImageVersions_CreateOrUpdate", fail="The disk is on fire.")
    versions.fails(VERSION)
    with versions.held("GalleryImageVersions_Delete"):
        mark = versions.mark()
        runs = [versions.start(VERSION) for _run in range(2)]
        versions.until("GalleryImageVersions_Delete", mark)
    for run in runs:
        result = run.result()
        assert not result.failed, result.result
    image_import.finish()
    image_import.check_end(small_disk)


def test_two_runs_provide_gallery_and_definition(definitions: Cloud) -> None:
    gallery = definitions.with_options(
        name=definitions.options["gallery"], **dict.fromkeys(["gallery", "architecture", "hyper_v_generation"])
    ).with_options(**dict.fromkeys(["publisher", "offer", "sku"]))
    with definitions.held("Galleries_Update"):
        mark = definitions.mark()
        updating = gallery.start("alpine_azure_gallery", tags={"a": "b"})
        definitions.until("Galleries_Update", mark)
        runs = [definitions.start("alpine_azure_gallery_image") for _run in range(2)]
        definitions.until("GalleryImages_CreateOrUpdate", mark)
    for run in (updating, *runs):
        result = run.result()
        assert not result.failed, result.result
