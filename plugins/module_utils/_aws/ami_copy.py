# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of an AMI in other regions, all at the same time."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .._core.diff import diff_of, differences
from .._core.errors import AlpineCloudError, InputError, ProviderError
from .._core.identity import checked_sha256
from .._core.progress import Progress
from .._core.wait import Wait
from .ami_state import (
    AmiState,
    await_ami,
    check_enabled,
    checked_ami_name,
    checked_description,
    converge_ami,
    deregister_ami,
    find_ami,
    find_amis,
    preferred,
)
from .clients import AwsClients
from .deprecation import check_deprecation, parsed_deprecation, shown_deprecation
from .errors import provider_errors
from .tags import as_list, wanted_tags

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

_REGIONS_AT_ONCE = 32


@dataclasses.dataclass(frozen=True)
class AmiCopyAttributes:
    """What is managed of a copy; ``None`` where the options leave it open."""

    name: str
    tags: dict[str, str]
    description: str | None
    deprecation_time: str | None


@dataclasses.dataclass(frozen=True)
class AmiCopyRequest:
    """What the options ask for."""

    name: str
    source_sha256: str
    wait: Wait
    regions: tuple[str, ...]
    """Each once."""
    image_id: str | None
    description: str | None
    tags: dict[str, str]
    deprecate_at: datetime | None
    delete_associated_snapshots: bool

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> AmiCopyRequest:
        """:raises InputError: for what EC2 would refuse."""
        name = checked_ami_name(params["name"])
        sha256 = checked_sha256(params["source_sha256"])
        return cls(
            name=name,
            source_sha256=sha256,
            wait=Wait.from_params(params),
            regions=tuple(dict.fromkeys(params["regions"])),
            image_id=params["image_id"] or None,
            description=checked_description(params["description"]),
            tags=wanted_tags(params["tags"], sha256=sha256, name=name),
            deprecate_at=parsed_deprecation(params["deprecate_at"]),
            delete_associated_snapshots=params["delete_associated_snapshots"],
        )

    def wanted(self, held: Mapping[str, str] | None = None) -> AmiCopyAttributes:
        """The attributes that a copy is to have.

        :param held: the tags that it has already, and that others may have put there.
        """
        return AmiCopyAttributes(
            name=self.name,
            tags={**(held or {}), **self.tags},
            description=self.description,
            deprecation_time=shown_deprecation(self.deprecate_at) if self.deprecate_at else None,
        )

    def managed(self, image: AmiState) -> AmiCopyAttributes:
        """The attributes of a copy that the options speak of."""
        held = image.managed
        return AmiCopyAttributes(
            name=self.name,
            tags=held.tags,
            description=None if self.description is None else held.description,
            deprecation_time=held.deprecation_time if self.deprecate_at else None,
        )


@dataclasses.dataclass(frozen=True)
class AmiCopyOutcome:
    """What was done in one region."""

    region: str
    changed: bool
    image_id: str | None
    snapshot_id: str | None
    state: str | None
    before: AmiCopyAttributes | None
    after: AmiCopyAttributes | None

    @classmethod
    def of(
        cls,
        region: str,
        image: AmiState | None,
        *,
        changed: bool,
        before: AmiCopyAttributes | None,
        after: AmiCopyAttributes | None,
    ) -> AmiCopyOutcome:
        return cls(
            region=region,
            changed=changed,
            image_id=image.image_id if image else None,
            snapshot_id=image.snapshot_id if image else None,
            state=image.state if image else None,
            before=before,
            after=after,
        )

    def as_result(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "image_id": self.image_id,
            "snapshot_id": self.snapshot_id,
            "state": self.state,
            "changed": self.changed,
        }


def ensure_present(clients: AwsClients, request: AmiCopyRequest, *, check_mode: bool) -> dict[str, Any]:
    """Copy where there is no copy yet, wait everywhere, converge tags.

    :raises InputError: when a region or the image to copy does not exist.
    :raises ProviderError: when a region failed; the copies in the others have landed and are in its details.
    """
    regions = checked_regions(clients, request.regions)
    source = _source(clients, request) if regions else None
    if regions and source is None and not check_mode:
        raise InputError("image_id is missing: it is the image to copy")

    def copy(region: str, ec2: EC2Client) -> AmiCopyOutcome:
        return _present_in(region, ec2, clients.region, request, source, check_mode=check_mode)

    return _in_all_regions(clients, request, regions, "copy", copy)


def ensure_absent(clients: AwsClients, request: AmiCopyRequest, *, check_mode: bool) -> dict[str, Any]:
    """Deregister the copies; with their snapshots on request."""

    def remove(region: str, ec2: EC2Client) -> AmiCopyOutcome:
        images = find_amis(ec2, request.name, request.source_sha256)
        image = preferred(images)
        if image is None:
            return AmiCopyOutcome.of(region, None, changed=False, before=None, after=None)
        if not check_mode:
            for copy in images:
                deregister_ami(ec2, copy, delete_snapshots=request.delete_associated_snapshots)
        before = AmiCopyAttributes(request.name, image.managed.tags, None, None)
        return AmiCopyOutcome.of(region, image, changed=True, before=before, after=None)

    return _in_all_regions(clients, request, checked_regions(clients, request.regions), "deregistration", remove)


def checked_regions(clients: AwsClients, regions: tuple[str, ...]) -> list[str]:
    """The regions to copy to: those that are named, without the source's own.

    :raises InputError: when one does not exist, or the account has not enabled it.
    """
    wanted = [clients.checked_region(region, "regions") for region in regions]
    wanted = [region for region in wanted if region != clients.region]
    if not wanted:
        return []
    with provider_errors("DescribeRegions", "list the account's regions"):
        answer = clients.ec2().describe_regions(AllRegions=True)["Regions"]
    status = {region["RegionName"]: region["OptInStatus"] for region in answer}
    for region in wanted:
        if region not in status:
            raise InputError(f"regions: {region} is not in the same partition of AWS as {clients.region}")
        if status[region] == "not-opted-in":
            raise InputError(f"regions: {region} is not enabled in this account; enable it, or leave it out")
    return wanted


def _source(clients: AwsClients, request: AmiCopyRequest) -> AmiState | None:
    """The image to copy; ``None`` where the options name none."""
    if request.image_id is None:
        return None
    with provider_errors("DescribeImages", f"read image {request.image_id} in {clients.region}"):
        images = clients.ec2().describe_images(ImageIds=[request.image_id])["Images"]
    if not images:
        raise InputError(f"image_id {request.image_id}: there is no such image in {clients.region}")
    return AmiState.of(images[0])


def _in_all_regions(
    clients: AwsClients,
    request: AmiCopyRequest,
    regions: list[str],
    step: str,
    work: Callable[[str, EC2Client], AmiCopyOutcome],
) -> dict[str, Any]:
    progress = Progress(step, 100, "percent")
    outcomes: list[AmiCopyOutcome] = []
    failures: dict[str, AlpineCloudError] = {}
    # Here, since threads may not make clients.
    ec2_of = {region: clients.ec2(region) for region in regions}
    # Asking and waiting only: a thread costs next to nothing.
    with ThreadPoolExecutor(max_workers=min(_REGIONS_AT_ONCE, max(1, len(regions)))) as pool:
        futures = {region: pool.submit(work, region, ec2) for region, ec2 in ec2_of.items()}
        for done, (region, future) in enumerate(futures.items(), start=1):
            try:
                outcomes.append(future.result())
            except AlpineCloudError as error:
                failures[region] = error
            progress.update(100 * done // len(futures))
    if failures:
        raise _failure(request, step, failures, outcomes)
    diffs = {outcome.region: diff_of(outcome.before, outcome.after) for outcome in outcomes if outcome.changed}
    return {
        "changed": bool(diffs),
        "images": [outcome.as_result() for outcome in outcomes],
        "source_sha256": request.source_sha256,
        "diff": {side: {region: diff[side] for region, diff in diffs.items()} for side in ("before", "after")},
    }


def _failure(
    request: AmiCopyRequest, step: str, failures: Mapping[str, AlpineCloudError], outcomes: list[AmiCopyOutcome]
) -> ProviderError:
    reasons = "; ".join(f"{region}: {error.message}" for region, error in failures.items())
    landed = ", ".join(outcome.region for outcome in outcomes)
    first = next(iter(failures.values()))
    known = first if isinstance(first, ProviderError) else None
    return ProviderError(
        f"The {step} of {request.name} failed in {reasons}." + (f" It succeeded in {landed}." if landed else ""),
        operation=known.operation if known else "CopyImage",
        code=known.code if known else None,
        status=known.status if known else None,
        details={
            "images": [outcome.as_result() for outcome in outcomes],
            "failed": [{"region": region, "msg": error.message} for region, error in failures.items()],
        },
    )


def _present_in(
    region: str,
    ec2: EC2Client,
    source_region: str,
    request: AmiCopyRequest,
    source: AmiState | None,
    *,
    check_mode: bool,
) -> AmiCopyOutcome:
    image = find_ami(ec2, request.name, request.source_sha256)
    if image is not None and not image.failed:
        return _adopt(region, ec2, request, source, image, check_mode=check_mode)
    if image is not None and not check_mode:
        deregister_ami(ec2, image, delete_snapshots=True)
    check_deprecation(request.deprecate_at)
    if check_mode or source is None:
        return AmiCopyOutcome.of(region, None, changed=True, before=None, after=request.wanted())
    image_id = _copy(region, ec2, source_region, request, source)
    if not request.wait.enabled:
        after = AmiCopyAttributes(request.name, request.tags, None, None)
        return AmiCopyOutcome(region, True, image_id, None, "pending", None, after)
    made = await_ami(ec2, image_id, request.wait, operation="CopyImage")
    _check_faithful(source, made)
    converge_ami(ec2, made, tags=request.tags, description=request.description, deprecate_at=request.deprecate_at)
    return AmiCopyOutcome.of(region, made, changed=True, before=None, after=request.wanted(made.managed.tags))


def _copy(region: str, ec2: EC2Client, source_region: str, request: AmiCopyRequest, source: AmiState) -> str:
    tags = as_list(request.tags)
    with provider_errors("CopyImage", f"copy {source.image_id} to {region}"):
        return ec2.copy_image(
            # For one call and its repetitions. CopyImage does not mind that a name is taken twice.
            ClientToken=str(uuid.uuid4()),
            Name=request.name,
            Description=request.description or source.managed.description,
            SourceImageId=source.image_id,
            SourceRegion=source_region,
            TagSpecifications=[{"ResourceType": "image", "Tags": tags}, {"ResourceType": "snapshot", "Tags": tags}],
        )["ImageId"]


def _adopt(
    region: str,
    ec2: EC2Client,
    request: AmiCopyRequest,
    source: AmiState | None,
    image: AmiState,
    *,
    check_mode: bool,
) -> AmiCopyOutcome:
    check_enabled(image)
    if request.wait.enabled and not image.final and not check_mode:
        image = await_ami(ec2, image.image_id, request.wait, operation="CopyImage")
    if source is not None and image.final:
        _check_faithful(source, image)
    check_deprecation(request.deprecate_at, image.managed.deprecation_time)
    before, after = request.managed(image), request.wanted(image.managed.tags)
    if not check_mode:
        converge_ami(ec2, image, tags=request.tags, description=request.description, deprecate_at=request.deprecate_at)
    return AmiCopyOutcome.of(region, image, changed=before != after, before=before, after=after)


def _check_faithful(source: AmiState, copy: AmiState) -> None:
    different = differences(copy.fixed, source.fixed)
    if different:
        raise ProviderError(
            f"{copy.image_id} is no faithful copy of {source.image_id}: {', '.join(different.values())}",
            operation="CopyImage",
        )
