# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's RegisterImage, which moto takes lightly: names, what goes together, and the disks that an image is made of."""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from tests.sandbox._aws._requests import EC2Requests
from tests.sandbox._aws._resources import SandboxImage, SandboxSnapshot

_IMAGE_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


class RegistrationRequests(EC2Requests):
    def register_image(self) -> ActionResult:
        self.error_on_dryrun()
        name = self._get_param("Name")
        self._check_image_name(name)
        for image in self.ec2_backend.amis.values():
            if image.name == name and image.owner_id == self.current_account and image.state != "deregistered":
                message = f"AMI name {name} is already in use by AMI {image.id}"
                raise EC2ClientError("InvalidAMIName.Duplicate", message)
        root = self._get_param("RootDeviceName")
        mappings = [self._block_device(item) for item in self._get_param("BlockDeviceMappings", [])]
        if not root or root not in [item["DeviceName"] for item in mappings]:
            raise EC2ClientError("InvalidBlockDeviceMapping", f"No block device mapping for the root device {root!r}")
        if not any("SnapshotId" in item["Ebs"] for item in mappings if item["DeviceName"] == root):
            raise EC2ClientError("MissingParameter", "The root device must be created from a snapshot")
        attributes = self._image_attributes()
        image_tags = self._tags_for("image", allowed=["image"])
        image = SandboxImage(
            self.ec2_backend,
            name=name,
            description=self._get_param("Description"),
            root_device_name=root,
            root_device_type="ebs",
            mappings=mappings,
            state="pending",
            **attributes,
        )
        image.add_tags({tag["Key"]: tag["Value"] for tag in image_tags})
        self._settle("RegisterImage", image, [])
        return ActionResult({"ImageId": image.id})

    def _image_attributes(self) -> dict[str, Any]:
        """What the image is registered with, by EC2's defaults and rules."""
        virtualization = self._get_param("VirtualizationType", "paravirtual")
        architecture = self._get_param("Architecture", "i386")
        boot_mode = self._get_param("BootMode")
        tpm = self._get_param("TpmSupport")
        ena = self._get_bool_param("EnaSupport", False)
        sriov = self._get_param("SriovNetSupport")
        if virtualization not in ("hvm", "paravirtual"):
            raise EC2ClientError("InvalidParameterValue", f"Invalid virtualization type: {virtualization}")
        if virtualization == "paravirtual" and (ena or sriov or boot_mode or tpm or architecture == "arm64"):
            message = "Enhanced networking, a boot mode, NitroTPM and arm64 need virtualization type hvm"
            raise EC2ClientError("InvalidParameterCombination", message)
        if architecture == "arm64" and boot_mode in ("legacy-bios", "uefi-preferred"):
            message = f"The boot mode {boot_mode} is not supported by the architecture arm64"
            raise EC2ClientError("InvalidParameterCombination", message)
        if architecture == "arm64" and not ena:
            raise EC2ClientError("InvalidParameterCombination", "arm64 images must support ENA")
        if tpm and boot_mode != "uefi":
            raise EC2ClientError("InvalidParameterCombination", "TpmSupport needs the boot mode uefi")
        if sriov not in (None, "simple"):
            raise EC2ClientError("InvalidParameterValue", f"Invalid value for sriovNetSupport: {sriov}")
        return {
            "architecture": architecture,
            "virtualization_type": virtualization,
            "boot_mode": boot_mode,
            "tpm_support": tpm,
            "imds_support": self._get_param("ImdsSupport"),
            "ena_support": ena,
            "sriov_net_support": sriov,
        }

    def _block_device(self, mapping: dict[str, Any]) -> dict[str, Any]:
        ebs = dict(mapping.get("Ebs", {}))
        snapshot_id = ebs.get("SnapshotId")
        size = ebs.get("VolumeSize")
        if snapshot_id:
            snapshot = self.ec2_backend.snapshots.get(snapshot_id)
            if snapshot is None:
                raise EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
            if snapshot.status != "completed":
                raise EC2ClientError("IncorrectState", f"Snapshot is in invalid state - {snapshot.status}")
            if size is not None and size < snapshot.volume_size:
                message = (
                    f"Volume of size {size}GB is smaller than snapshot '{snapshot_id}', "
                    f"expect size >= {snapshot.volume_size}GB"
                )
                raise EC2ClientError("InvalidBlockDeviceMapping", message)
            ebs.setdefault("VolumeSize", snapshot.volume_size)
        elif size is None:
            raise EC2ClientError("MissingParameter", "The request must contain the parameter size or snapshotId")
        volume_type = ebs.setdefault("VolumeType", "gp2")
        if ebs.get("Throughput") and volume_type != "gp3":
            raise EC2ClientError("InvalidParameterCombination", "Throughput is only supported by gp3 volumes")
        if "Encrypted" in ebs and snapshot_id:
            message = "the encrypted flag cannot be specified since device has a snapshot specified."
            raise EC2ClientError("InvalidBlockDeviceMapping", message)
        return {"DeviceName": mapping["DeviceName"], "Ebs": {"DeleteOnTermination": True, "Encrypted": False} | ebs}

    def _check_image_name(self, name: str) -> None:
        if not _IMAGE_NAME.fullmatch(name):
            message = (
                "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', "
                "'.', '-', '/', '_', and spaces"
            )
            raise EC2ClientError("InvalidAMIName.Malformed", message)

    def _settle(self, operation: str, image: SandboxImage, snapshots: list[SandboxSnapshot]) -> None:
        failure = self.state.faults.take_failure("ec2", operation)

        def finish() -> None:
            if image.state == "deregistered":
                return
            if failure:
                image.state = "failed"
                image.state_reason = {"Code": "Client.InternalError", "Message": failure}
            else:
                image.state = "available"
            for snapshot in snapshots:
                snapshot.status = "error" if failure else "completed"

        self.state.later(operation, finish)
