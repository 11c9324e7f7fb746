# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of an AMI in other regions, all at the same time."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._core.diff import diff_of
from .._core.errors import AlpineCloudError, InputError, ProviderError
from .._core.identity import checked_sha256
from .._core.progress import Progress
from .ami import (
    FAILED_STATES,
    await_image,
    checked_description,
    checked_image_name,
    converge_image,
    differences,
    find_image,
    immutable_attributes,
    root_volume,
)
from .clients import Clients
from .deprecation import (
    deprecation_needed,
    deprecation_of,
    parsed_deprecation,
    shown_deprecation,
)
from .errors import aws_errors
from .tags import as_dict, as_list, missing_tags, wanted_tags

_REGIONS_AT_ONCE = 32


def checked_regions(clients: Clients, regions: Sequence[str]) -> list[str]:
    """The regions to copy to: each once, without the source's own.

    :raises InputError: when one does not exist, or the account has not enabled it.
    """
    wanted = [clients.checked_region(region, "regions") for region in dict.fromkeys(regions)]
    wanted = [region for region in wanted if region != clients.region]
    if not wanted:
        return []
    with aws_errors("list the account's regions"):
        answer = clients.client("ec2").describe_regions(AllRegions=True)["Regions"]
    status = {region["RegionName"]: region["OptInStatus"] for region in answer}
    for region in wanted:
        if region not in status:
            raise InputError(f"regions: {region} is not in the same partition of AWS as {clients.region}")
        if status[region] == "not-opted-in":
            raise InputError(f"regions: {region} is not enabled in this account; enable it, or leave it out")
    return wanted


class ImageCopies:
    """Copies of one image, one to a region."""

    def __init__(self, clients: Clients, params: Mapping[str, Any], *, check_mode: bool) -> None:
        self._params = params
        self._check_mode = check_mode
        self._source_region = clients.region
        self._name = checked_image_name(params["name"])
        self._sha256 = checked_sha256(params["source_sha256"])
        self._description = checked_description(params["description"])
        self._deprecate_at = parsed_deprecation(params["deprecate_at"])
        self._tags = wanted_tags(params["tags"], sha256=self._sha256, name=self._name)
        regions = checked_regions(clients, params["regions"])
        # Clients are made here, since a session is not for several threads.
        self._source_ec2 = clients.client("ec2")
        self._ec2 = {region: clients.client("ec2", region) for region in regions}

    def present(self) -> dict[str, Any]:
        """Copy where there is no copy yet, wait everywhere, converge tags.

        :raises ProviderError: when a region failed; the copies in the others have landed and are in its details.
        """
        source = self._source()
        return self._in_all_regions("copy", lambda region: self._present_in(region, source))

    def absent(self) -> dict[str, Any]:
        """Deregister the copies; with their snapshots on request."""
        return self._in_all_regions("deregistration", self._absent_in)

    def _source(self) -> dict[str, Any] | None:
        image_id = self._params["image_id"]
        if not image_id:
            if self._check_mode or not self._ec2:
                return None
            raise InputError("image_id is missing: it is the image to copy")
        with aws_errors(f"read image {image_id} in {self._source_region}"):
            images = self._source_ec2.describe_images(ImageIds=[image_id])["Images"]
        if not images:
            raise InputError(f"image_id {image_id}: there is no such image in {self._source_region}")
        source: dict[str, Any] = images[0]
        return source

    def _in_all_regions(self, step: str, work: Any) -> dict[str, Any]:
        progress = Progress(step, 100, "percent")
        copies: list[dict[str, Any]] = []
        failures: dict[str, AlpineCloudError] = {}
        # Asking and waiting only: a thread costs next to nothing.
        with ThreadPoolExecutor(max_workers=min(_REGIONS_AT_ONCE, max(1, len(self._ec2)))) as pool:
            futures = {region: pool.submit(work, region) for region in self._ec2}
            for done, (region, future) in enumerate(futures.items(), start=1):
                try:
                    copies.append(future.result())
                except AlpineCloudError as error:
                    failures[region] = error
                progress.update(100 * done // len(futures))
        changed = any(copy["changed"] for copy in copies)
        diff = {
            side: {copy["region"]: copy["diff"][side] for copy in copies if copy["changed"]}
            for side in ("before", "after")
        }
        images = [{key: value for key, value in copy.items() if key != "diff"} for copy in copies]
        if failures:
            raise self._failure(step, failures, images)
        return {"changed": changed, "images": images, "source_sha256": self._sha256, "diff": diff}

    def _failure(
        self, step: str, failures: Mapping[str, AlpineCloudError], images: list[dict[str, Any]]
    ) -> ProviderError:
        reasons = "; ".join(f"{region}: {error.message}" for region, error in failures.items())
        landed = ", ".join(copy["region"] for copy in images)
        message = f"The {step} of {self._name} failed in {reasons}." + (f" It succeeded in {landed}." if landed else "")
        first = next(iter(failures.values()))
        known = first if isinstance(first, ProviderError) else None
        return ProviderError(
            message,
            operation=known.operation if known else "CopyImage",
            code=known.code if known else None,
            status=known.status if known else None,
            details={
                "images": images,
                "failed": [{"region": region, "msg": error.message} for region, error in failures.items()],
            },
        )

    def _present_in(self, region: str, source: Mapping[str, Any] | None) -> dict[str, Any]:
        ec2 = self._ec2[region]
        image = find_image(ec2, self._name, self._sha256)
        if image is not None and image["State"] in FAILED_STATES:
            if not self._check_mode:
                self._deregister(region, image, delete_snapshots=True)
            image = None
        if image is not None:
            return self._converge(region, image, source, copied=False)
        deprecation_needed({}, self._deprecate_at)
        if self._check_mode or source is None:
            return _entry(region, True, None, {}, self._described(self._tags))
        with aws_errors(f"copy {source['ImageId']} to {region}"):
            image_id = ec2.copy_image(
                # For one call and its repetitions. CopyImage does not mind that a name is taken twice.
                ClientToken=str(uuid.uuid4()),
                Name=self._name,
                Description=self._description or source.get("Description", ""),
                SourceImageId=source["ImageId"],
                SourceRegion=self._source_region,
                TagSpecifications=[
                    {"ResourceType": kind, "Tags": as_list(self._tags)} for kind in ("image", "snapshot")
                ],
            )["ImageId"]
        if not self._params["wait"]:
            after = {"name": self._name, "tags": self._tags}
            return _entry(region, True, {"ImageId": image_id, "State": "pending"}, {}, after)
        return self._converge(region, {"ImageId": image_id, "State": "pending"}, source, copied=True)

    def _converge(
        self, region: str, image: Mapping[str, Any], source: Mapping[str, Any] | None, *, copied: bool
    ) -> dict[str, Any]:
        ec2 = self._ec2[region]
        if copied or (self._params["wait"] and image["State"] == "pending" and not self._check_mode):
            image = await_image(
                ec2,
                image["ImageId"],
                timeout=self._params["wait_timeout"],
                interval=self._params["wait_interval"],
                operation="CopyImage",
            )
        if source is not None and image["State"] != "pending":
            found = differences(immutable_attributes(source), immutable_attributes(image))
            if found:
                raise ProviderError(
                    f"{image['ImageId']} is no faithful copy of {source['ImageId']}: {found}", operation="CopyImage"
                )
        before: dict[str, Any] = {} if copied else {"name": self._name, "tags": as_dict(image)}
        if not copied and self._deprecate_at is not None:
            before["deprecation_time"] = deprecation_of(image)
        missing = missing_tags(as_dict(image), self._tags)
        changed = converge_image(
            ec2,
            image,
            tags=self._tags,
            description=self._description,
            deprecate_at=self._deprecate_at,
            check_mode=self._check_mode,
        )
        after = self._described(as_dict(image) | missing)
        if self._description is not None:
            after["description"] = self._description
            if not copied:
                before["description"] = image.get("Description", "")
        return _entry(region, copied or changed, image, before, after)

    def _described(self, tags: Mapping[str, str]) -> dict[str, Any]:
        """How a copy is to be in the end."""
        described: dict[str, Any] = {"name": self._name, "tags": tags}
        if self._deprecate_at is not None:
            described["deprecation_time"] = shown_deprecation(self._deprecate_at)
        return described

    def _absent_in(self, region: str) -> dict[str, Any]:
        image = find_image(self._ec2[region], self._name, self._sha256)
        if image is None:
            return _entry(region, False, None, {}, {})
        if not self._check_mode:
            self._deregister(region, image, delete_snapshots=self._params["delete_associated_snapshots"])
        return _entry(region, True, image, {"name": self._name, "tags": as_dict(image)}, {})

    def _deregister(self, region: str, image: Mapping[str, Any], *, delete_snapshots: bool) -> None:
        with aws_errors(f"deregister {image['ImageId']} in {region}"):
            self._ec2[region].deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=delete_snapshots)


def _entry(
    region: str, changed: bool, image: Mapping[str, Any] | None, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    return {
        "region": region,
        "image_id": (image or {}).get("ImageId"),
        "snapshot_id": root_volume(image or {}).get("SnapshotId"),
        "state": (image or {}).get("State"),
        "changed": changed,
        "diff": diff_of(before, after),
    }
