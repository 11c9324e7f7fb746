# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens while an image version is created: its disk is read from the blob, and replicated to the regions."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.sandbox._azure._blob_reader import BlobNotFoundError, UnreadableBlobError
from tests.sandbox._azure._blobs import BlobProxy
from tests.sandbox._azure._disk import FOOTER_BYTES, UnsupportedDiskError, check_fixed_vhd
from tests.sandbox._azure._errors import ArmError, invalid_parameter
from tests.sandbox._azure._operations import Operations
from tests.sandbox._azure._resources import Resource, region_name
from tests.sandbox._faults import FaultBook

_GIB = 1 << 30
_CHUNK = 4 << 20


class VersionImport:
    """Makes the disks of image versions, in files below ``directory``."""

    def __init__(self, *, operations: Operations, faults: FaultBook, blobs: BlobProxy, directory: Path) -> None:
        self._operations = operations
        self._faults = faults
        self._blobs = blobs
        self._directory = directory
        self._directory.mkdir()

    def create(self, resource: Resource) -> None:
        """:raises ArmError: when the version fails."""
        for region in resource.body["properties"]["publishingProfile"]["targetRegions"]:
            resource.replication[region["name"]] = _region_status(region["name"], "Unknown", 0)
        self._copy_disk(resource)
        self.replicate(resource)

    def _copy_disk(self, resource: Resource) -> None:
        image = resource.body["properties"]["storageProfile"]["osDiskImage"]
        url = image["source"]["uri"]
        name = unquote(url.rpartition("/")[2])
        target = "galleryImageVersion.properties.storageProfile.osDiskImage.source.uri"
        if not name.lower().endswith(".vhd"):
            raise invalid_parameter(f"The blob name in URL {url} must end with '.vhd' extension.", target)
        blob = self._blobs.open_blob(url)
        try:
            kind, length = blob.properties()
            if kind != "PageBlob":
                raise invalid_parameter(f"The source blob {url} is not a page blob.", target)
            start = max(0, length - FOOTER_BYTES)
            footer = blob.read(start, length - start) if length else b""
            size = check_fixed_vhd(footer, blob_length=length, name=name, url=url)
            disk = self._directory / f"{uuid.uuid4()}.raw"
            with disk.open("wb") as file:
                file.truncate(size)
                for first, end in blob.page_ranges():
                    # Less the footer.
                    for offset in range(first, min(end, size), _CHUNK):
                        file.seek(offset)
                        file.write(blob.read(offset, min(_CHUNK, end - offset, size - offset)))
        except BlobNotFoundError:
            raise ArmError(404, "ResourceNotFound", f"The source blob {url} was not found.", target) from None
        except UnreadableBlobError as error:
            raise ArmError(500, "InternalExecutionError", f"Cannot read {url}: {error}") from error
        except UnsupportedDiskError as error:
            raise invalid_parameter(str(error), "disks") from None
        image["sizeInGB"] = -(-size // _GIB)
        resource.disk = disk

    def replicate(self, resource: Resource) -> None:
        """Bring the version to all its regions, or to all but those where a failure was ordered.

        :raises ArmError: when a region failed.
        """
        regions = [region["name"] for region in resource.body["properties"]["publishingProfile"]["targetRegions"]]
        pending = [name for name in regions if resource.replication.get(name, {}).get("state") != "Completed"]
        resource.replication = {
            name: resource.replication.get(name, _region_status(name, "Unknown", 0)) for name in regions
        }
        failures = {
            name: reason
            for name in pending
            if (reason := self._faults.take_failure("compute", "GalleryImageVersions_Replicate")) is not None
        }
        for progress in (25, 75):
            for name in pending:
                resource.replication[name] = _region_status(name, "Replicating", progress)
            self._operations.pause(self._operations.seconds / 4)
        for name in pending:
            failed = failures.get(name)
            resource.replication[name] = (
                _region_status(name, "Failed", 75, failed) if failed else _region_status(name, "Completed", 100)
            )
        if failures:
            details = ", ".join(f"{{region:{region_name(name)}, detail:{why}}}" for name, why in failures.items())
            raise ArmError(
                409,
                "GalleryImageReplicationFailed",
                "Gallery replication jobs failed in one or more regions. The failing regions' details are as follows: "
                f"'{details}'.",
            )


def _region_status(name: str, state: str, progress: int, details: str = "") -> dict[str, Any]:
    return {"region": name, "state": state, "details": details, "progress": progress}
