# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AMI, registered from a snapshot."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .._core.diff import diff_of, differences
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import checked_sha256
from .._core.wait import Wait
from .ami_state import (
    AmiAttributes,
    AmiFixed,
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
    from types_boto3_ec2.literals import ArchitectureValuesType, BootModeValuesType
    from types_boto3_ec2.type_defs import RegisterImageRequestTypeDef

ARCHITECTURES: dict[str, ArchitectureValuesType] = {"x86_64": "x86_64", "aarch64": "arm64"}
"""Alpine's word to EC2's."""

BOOT_MODES: list[BootModeValuesType] = ["legacy-bios", "uefi", "uefi-preferred"]

_ROOT_DEVICE = "/dev/xvda"


@dataclasses.dataclass(frozen=True)
class AmiRequest:
    """What the options ask for, in EC2's words. ``None`` leaves an existing image's value as it is."""

    name: str
    source_sha256: str
    wait: Wait
    snapshot_id: str | None = None
    architecture: ArchitectureValuesType = "x86_64"
    boot_mode: BootModeValuesType = "uefi"
    description: str | None = None
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    deprecate_at: datetime | None = None
    delete_associated_snapshots: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> AmiRequest:
        """:raises InputError: for what EC2 would refuse, or accept and never boot."""
        name = checked_ami_name(params["name"])
        sha256 = checked_sha256(params["source_sha256"])
        wait = Wait.from_params(params)
        if params["state"] == "absent":
            return cls(name, sha256, wait, delete_associated_snapshots=params["delete_associated_snapshots"])
        if params["architecture"] == "aarch64" and params["boot_mode"] != "uefi":
            raise InputError(f"boot_mode {params['boot_mode']}: aarch64 boots by uefi only")
        return cls(
            name,
            sha256,
            wait,
            snapshot_id=params["snapshot_id"],
            architecture=ARCHITECTURES[params["architecture"]],
            boot_mode=params["boot_mode"],
            description=checked_description(params["description"]),
            tags=wanted_tags(params["tags"], sha256=sha256, name=name),
            deprecate_at=parsed_deprecation(params["deprecate_at"]),
        )

    @property
    def fixed(self) -> AmiFixed:
        """What the image is to be registered with."""
        return AmiFixed(
            architecture=self.architecture,
            boot_mode=self.boot_mode,
            ena_support=True,
            imds_support="v2.0",
            sriov_net_support="simple",
            virtualization_type="hvm",
            root_device_name=_ROOT_DEVICE,
            root_volume_type="gp3",
            delete_on_termination=True,
        )

    def wanted(self, existing: AmiState | None = None) -> AmiAttributes:
        """The attributes that the image is to have; ``existing`` fills those that the options leave open."""
        fixed = dataclasses.asdict(self.fixed)
        held = (
            existing.managed
            if existing
            else AmiAttributes(**fixed, name="", description="", tags={}, deprecation_time=None)
        )
        return AmiAttributes(
            **fixed,
            name=self.name,
            description=held.description if self.description is None else self.description,
            tags={**held.tags, **self.tags},
            deprecation_time=shown_deprecation(self.deprecate_at) if self.deprecate_at else held.deprecation_time,
        )


def ensure_present(clients: AwsClients, request: AmiRequest, *, check_mode: bool) -> dict[str, Any]:
    """Adopt the image and converge what can be changed, or register it and read it back.

    :raises ConflictError: when the name holds other content, or an attribute differs that is fixed at registration.
    :raises ProviderError: when the image fails, or does not read back as asked for.
    """
    ec2 = clients.ec2()
    found = find_ami(ec2, request.name, request.source_sha256)
    if found is not None and not found.failed:
        return _adopt(clients, request, found, check_mode=check_mode)
    check_deprecation(request.deprecate_at)
    wanted = request.wanted()
    if check_mode:
        return _result(clients, request, None, changed=True, before=None, after=wanted)
    if not request.snapshot_id:
        raise InputError(f"snapshot_id is missing: there is no image {request.name} with this content yet")
    if found is not None:
        deregister_ami(ec2, found, delete_snapshots=False)
    image_id = _register(ec2, request, request.snapshot_id)
    if not request.wait.enabled:
        pending = AmiState(image_id, "pending", "", "", request.snapshot_id, wanted)
        return _result(clients, request, pending, changed=True, before=None, after=wanted)
    made = await_ami(ec2, image_id, request.wait, operation="RegisterImage")
    different = differences(made.fixed, request.fixed)
    if different:
        raise ProviderError(
            f"EC2 registered {image_id} otherwise than asked: {', '.join(different.values())}",
            operation="RegisterImage",
        )
    # RegisterImage itself takes no deprecation; tags and description came with it.
    converge_ami(ec2, made, tags={}, description=None, deprecate_at=request.deprecate_at)
    after = dataclasses.replace(made.managed, deprecation_time=wanted.deprecation_time)
    return _result(clients, request, made, changed=True, before=None, after=after)


def ensure_absent(clients: AwsClients, request: AmiRequest, *, check_mode: bool) -> dict[str, Any]:
    """Deregister each image of this name and content, on request with its snapshots.

    :raises ConflictError: when the name holds other content.
    """
    ec2 = clients.ec2()
    images = find_amis(ec2, request.name, request.source_sha256)
    found = preferred(images)
    if found is None:
        return _result(clients, request, None, changed=False, before=None, after=None)
    if not check_mode:
        for image in images:
            deregister_ami(ec2, image, delete_snapshots=request.delete_associated_snapshots)
    return _result(clients, request, found, changed=True, before=found.managed, after=None)


def _adopt(clients: AwsClients, request: AmiRequest, found: AmiState, *, check_mode: bool) -> dict[str, Any]:
    check_enabled(found)
    different = differences(found.fixed, request.fixed)
    if different:
        raise ConflictError(
            f"Image {found.image_id} named {request.name} cannot be changed to what was asked for: "
            f"{', '.join(different.values())}. Deregister it (state absent), or choose another name"
        )
    check_deprecation(request.deprecate_at, found.managed.deprecation_time)
    before, after = found.managed, request.wanted(found)
    if not check_mode:
        ec2 = clients.ec2()
        converge_ami(ec2, found, tags=request.tags, description=request.description, deprecate_at=request.deprecate_at)
        if request.wait.enabled and not found.final:
            found = await_ami(ec2, found.image_id, request.wait, operation="RegisterImage")
    return _result(clients, request, found, changed=before != after, before=before, after=after)


def _register(ec2: EC2Client, request: AmiRequest, snapshot_id: str) -> str:
    """Returns the image's id; that of the image which another run, or an attempt whose answer got lost, registered."""
    details: RegisterImageRequestTypeDef = {
        "Name": request.name,
        "Architecture": request.architecture,
        "BootMode": request.boot_mode,
        "EnaSupport": True,
        "ImdsSupport": "v2.0",
        "SriovNetSupport": "simple",
        "VirtualizationType": "hvm",
        "RootDeviceName": _ROOT_DEVICE,
        "BlockDeviceMappings": [
            {
                "DeviceName": _ROOT_DEVICE,
                "Ebs": {"SnapshotId": snapshot_id, "VolumeType": "gp3", "DeleteOnTermination": True},
            }
        ],
        "TagSpecifications": [{"ResourceType": "image", "Tags": as_list(request.tags)}],
    }
    if request.description:
        details["Description"] = request.description
    try:
        with provider_errors("RegisterImage", f"register image {request.name} from {snapshot_id}"):
            return ec2.register_image(**details)["ImageId"]
    except ProviderError as error:
        if error.code != "InvalidAMIName.Duplicate":
            raise
        # If the content is ours, so is the image.
        image = find_ami(ec2, request.name, request.source_sha256)
        if image is None:
            raise
        return image.image_id


def _result(
    clients: AwsClients,
    request: AmiRequest,
    image: AmiState | None,
    *,
    changed: bool,
    before: AmiAttributes | None,
    after: AmiAttributes | None,
) -> dict[str, Any]:
    shown = after or before
    # What is absent has no state of EC2's.
    state = image.state if image else None
    return {
        "changed": changed,
        "image_id": image.image_id if image else None,
        "state": state if after else "absent",
        "snapshot_id": (image.snapshot_id if image else None) or request.snapshot_id,
        "name": request.name,
        "region": clients.region,
        "source_sha256": request.source_sha256,
        "architecture": shown.architecture if shown else None,
        "boot_mode": shown.boot_mode if shown else None,
        "tags": shown.tags if shown else {},
        "deprecation_time": shown.deprecation_time if shown else None,
        "diff": diff_of(before, after),
    }
