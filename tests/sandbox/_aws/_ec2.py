# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EC2 operations that moto lacks or takes lightly.

Rules and error codes are those of the Amazon EC2 API Reference and the VM Import/Export User Guide.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.responses import EC2Response

from tests.sandbox._aws._imports import check_import, run_import
from tests.sandbox._aws._resources import ImportTask, SandboxImage, SandboxSnapshot, State

_IMAGE_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
_TIMESTAMP = "%Y-%m-%dT%H:%M:%S.000Z"


class SandboxEC2(EC2Response):
    state: ClassVar[State]

    # Import tasks

    def import_snapshot(self) -> ActionResult:
        self.error_on_dryrun()
        return ActionResult(self._idempotent("ImportSnapshot", self._import_snapshot))

    def _import_snapshot(self) -> dict[str, Any]:
        container = self._get_param("DiskContainer", {})
        bucket = container.get("UserBucket", {})
        if container.get("Url", "").startswith("s3://"):
            name, _slash, key = container["Url"].removeprefix("s3://").partition("/")
            bucket = {"S3Bucket": name, "S3Key": key}
        if not bucket.get("S3Bucket") or not bucket.get("S3Key"):
            raise EC2ClientError("MissingParameter", "The request must contain the parameter DiskContainer.UserBucket")
        disk_format = str(container.get("Format", "")).upper()
        if disk_format not in ("VHD", "RAW"):
            raise EC2ClientError("InvalidParameter", f"Unsupported disk image format: {container.get('Format')!r}")
        role = self._get_param("RoleName", "vmimport")
        check_import(self.current_account, self.region, bucket["S3Bucket"], role)
        task = ImportTask(
            import_task_id=f"import-snap-{uuid.uuid4().hex[:17]}",
            region=self.region,
            description=self._get_param("Description", ""),
            tags=self._tags_for("import-snapshot-task", allowed=["import-snapshot-task"]),
            disk_format=disk_format,
            bucket=bucket["S3Bucket"],
            key=bucket["S3Key"],
        )
        self.state.tasks[task.import_task_id] = task
        run_import(self.state, self.current_account, task, role)
        return task.as_result()

    def describe_import_snapshot_tasks(self) -> ActionResult:
        tasks = [task for task in self.state.tasks.values() if task.region == self.region]
        wanted = self._get_param("ImportTaskIds", [])
        unknown = set(wanted) - {task.import_task_id for task in tasks}
        if unknown:
            message = f"The conversion task id {sorted(unknown)} is not found"
            raise EC2ClientError("InvalidConversionTaskId.Malformed", message)
        if wanted:
            tasks = [task for task in tasks if task.import_task_id in wanted]
        for name, values in self._filters_from_querystring().items():
            if name != "task-state":
                raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
            tasks = [task for task in tasks if task.status in values]
        start = int(self._get_param("NextToken", 0))
        end = start + self._get_param("MaxResults", 1000)
        result = {"ImportSnapshotTasks": [task.as_result() for task in tasks[start:end]]}
        return ActionResult(result | ({"NextToken": str(end)} if end < len(tasks) else {}))

    def cancel_import_task(self) -> ActionResult:
        self.error_on_dryrun()
        task_id = self._get_param("ImportTaskId")
        task = self.state.tasks.get(task_id)
        if task is None or task.region != self.region:
            raise EC2ClientError("InvalidConversionTaskId.Malformed", f"The task id {task_id} is not found")
        with self.state.lock:
            previous = task.status
            if previous not in ("pending", "active"):
                raise EC2ClientError("IncorrectState", f"The task {task_id} is {previous} and cannot be cancelled")
            task.status, task.status_message = "cancelling", self._get_param("CancelReason")

        def finish() -> None:
            task.status = "cancelled"

        self.state.later(0.5, finish)
        return ActionResult({"ImportTaskId": task_id, "PreviousState": previous, "State": "cancelling"})

    # Images

    def register_image(self) -> ActionResult:
        self.error_on_dryrun()
        name = self._get_param("Name")
        self._check_image_name(name)
        for image in self.ec2_backend.amis.values():
            if image.name == name and image.owner_id == self.current_account:
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
        self._settle(image, [], self.state.faults.take_failure("ec2", "RegisterImage"))
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

    def copy_image(self) -> ActionResult:
        self.error_on_dryrun()
        return ActionResult(self._idempotent("CopyImage", self._copy_image))

    def _copy_image(self) -> dict[str, Any]:
        name = self._get_param("Name")
        self._check_image_name(name)
        source_region, source_id = self._get_param("SourceRegion"), self._get_param("SourceImageId")
        source = ec2_backends[self.current_account][source_region].amis.get(source_id)
        if not isinstance(source, SandboxImage):
            raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{source_id}]' does not exist")
        if source.state != "available":
            raise EC2ClientError("InvalidRequest", f"The image {source_id} is {source.state}, not available")
        failure = self.state.faults.take_failure("ec2", "CopyImage")
        tags = self._tags_for("image", allowed=["image", "snapshot"])
        snapshot_tags = self._tags_for("snapshot", allowed=["image", "snapshot"])
        source_tags = {tag["key"]: tag["value"] for tag in source.get_tags()}
        if not self._get_bool_param("CopyImageTags", False):
            source_tags = {}
        image = SandboxImage(
            self.ec2_backend,
            **source.attributes
            | {
                "name": name,
                "description": self._get_param("Description") or source.description,
                "state": "pending",
                "deprecation_time": None,
                "source_image_id": source_id,
                "source_image_region": source_region,
                "mappings": [],
            },
        )
        snapshots = []
        for mapping in source.mappings:
            ebs = dict(mapping["Ebs"])
            if "SnapshotId" in ebs:
                description = (
                    f"Copied for DestinationAmi {image.id} from SourceAmi {source_id} "
                    f"for SourceSnapshot {ebs['SnapshotId']}."
                )
                copy = SandboxSnapshot(self.ec2_backend, ebs["VolumeSize"], description, "pending")
                copy.add_tags({tag["Key"]: tag["Value"] for tag in snapshot_tags})
                self.state.store.link(ebs["SnapshotId"], copy.id)
                ebs["SnapshotId"] = copy.id
                snapshots.append(copy)
            image.mappings.append({"DeviceName": mapping["DeviceName"], "Ebs": ebs})
        image.add_tags(source_tags | {tag["Key"]: tag["Value"] for tag in tags})
        self._settle(image, snapshots, failure)
        return {"ImageId": image.id}

    def _settle(self, image: SandboxImage, snapshots: list[SandboxSnapshot], failure: str | None) -> None:
        def finish() -> None:
            if failure:
                image.state = "failed"
                image.state_reason = {"Code": "Client.InternalError", "Message": failure}
            else:
                image.state = "available"
            for snapshot in snapshots:
                snapshot.status = "error" if failure else "completed"

        self.state.later(1, finish)

    def deregister_image(self) -> ActionResult:
        self.error_on_dryrun()
        image_id = self._get_param("ImageId")
        image = self.ec2_backend.amis.get(image_id)
        self.ec2_backend.deregister_image(image_id)
        results = []
        if self._get_bool_param("DeleteAssociatedSnapshots", False):
            for snapshot_id in getattr(image, "snapshot_ids", []):
                if self._users_of(snapshot_id):
                    results.append({"SnapshotId": snapshot_id, "ReturnCode": "skipped"})
                    continue
                self._delete_snapshot(snapshot_id)
                results.append({"SnapshotId": snapshot_id, "ReturnCode": "success"})
        return ActionResult({"Return": True, "DeleteSnapshotResults": results})

    def modify_image_attribute(self) -> ActionResult:
        self.error_on_dryrun()
        image = self._image(self._get_param("ImageId"))
        attribute = self._get_param("Attribute")
        description = self._get_param("Description", {}).get("Value")
        imds = self._get_param("ImdsSupport", {}).get("Value")
        if attribute == "description":
            description = self._get_param("Value")
        elif attribute == "imdsSupport":
            imds = self._get_param("Value")
        if description is not None:
            image.description = description
            return EmptyResult()
        if imds is not None:
            if imds != "v2.0":
                raise EC2ClientError("InvalidParameterValue", f"Invalid value for imdsSupport: {imds}")
            image.imds_support = imds
            return EmptyResult()
        return super().modify_image_attribute()

    def enable_image_deprecation(self) -> ActionResult:
        self.error_on_dryrun()
        image = self._image(self._get_param("ImageId"))
        at: datetime.datetime = self._get_param("DeprecateAt").replace(tzinfo=None)
        now = utcnow()
        if at <= now:
            raise EC2ClientError("InvalidParameterValue", "DeprecateAt must be in the future")
        if at > now + datetime.timedelta(days=3653):
            raise EC2ClientError("InvalidParameterValue", "DeprecateAt must not be more than 10 years from now")
        if image.is_public and at > image.creation_date + datetime.timedelta(days=731):
            message = "DeprecateAt of a public image must not be more than 2 years after its creation"
            raise EC2ClientError("InvalidParameterValue", message)
        # Rounded to the minute.
        at = (at + datetime.timedelta(seconds=30)).replace(second=0, microsecond=0)
        image.deprecation_time = at.strftime(_TIMESTAMP)
        return ActionResult({"Return": True})

    def disable_image_deprecation(self) -> ActionResult:
        self.error_on_dryrun()
        self._image(self._get_param("ImageId")).deprecation_time = None
        return ActionResult({"Return": True})

    # Snapshots

    def describe_snapshots(self) -> ActionResult:
        for snapshot_id in self._get_param("SnapshotIds", []):
            if snapshot_id not in self.ec2_backend.snapshots:
                raise EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        return super().describe_snapshots()

    def delete_snapshot(self) -> ActionResult:
        self.error_on_dryrun()
        snapshot_id = self._get_param("SnapshotId")
        if snapshot_id not in self.ec2_backend.snapshots:
            raise EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        users = self._users_of(snapshot_id)
        if users:
            message = f"The snapshot {snapshot_id} is currently in use by {users[0]}"
            raise EC2ClientError("InvalidSnapshot.InUse", message)
        self._delete_snapshot(snapshot_id)
        return EmptyResult()

    # Helpers

    def _users_of(self, snapshot_id: str) -> list[str]:
        images = self.ec2_backend.amis.values()
        return [image.id for image in images if snapshot_id in getattr(image, "snapshot_ids", [])]

    def _delete_snapshot(self, snapshot_id: str) -> None:
        del self.ec2_backend.snapshots[snapshot_id]
        self.state.store.delete(snapshot_id)

    def _image(self, image_id: str) -> SandboxImage:
        image = self.ec2_backend.amis.get(image_id)
        if not isinstance(image, SandboxImage):
            raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
        return image

    def _check_image_name(self, name: str) -> None:
        if not _IMAGE_NAME.fullmatch(name):
            message = (
                "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', "
                "'.', '-', '/', '_', and spaces"
            )
            raise EC2ClientError("InvalidAMIName.Malformed", message)

    def _tags_for(self, resource_type: str, *, allowed: list[str]) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = []
        for specification in self._get_param("TagSpecifications", []):
            if specification.get("ResourceType") not in allowed:
                message = (
                    f"'{specification.get('ResourceType')}' is not a valid taggable resource type for this operation."
                )
                raise EC2ClientError("InvalidParameterValue", message)
            if specification["ResourceType"] == resource_type:
                tags += specification.get("Tags", [])
        keys = [tag["Key"] for tag in tags]
        if len(set(keys)) != len(keys):
            raise EC2ClientError("InvalidParameterValue", "Duplicate tag key specified.")
        for key in keys:
            if key.lower().startswith("aws:"):
                message = "Tag keys starting with 'aws:' are reserved for internal use"
                raise EC2ClientError("InvalidParameterValue", message)
        if len(keys) > 50:
            raise EC2ClientError("TagLimitExceeded", "You have reached the maximum number of tags.")
        return tags

    def _idempotent(self, operation: str, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Answer a repeated client token with the first result."""
        token = self._get_param("ClientToken")
        if token is None:
            return action()
        key = (operation, self.region, token)
        parameters = dict(self.params)
        with self.state.lock:
            if key in self.state.tokens:
                known, result = self.state.tokens[key]
                if known != parameters:
                    message = "The client token was used with other parameters."
                    raise EC2ClientError("IdempotentParameterMismatch", message)
                return dict(result)
            result = action()
            self.state.tokens[key] = (parameters, result)
        return dict(result)
