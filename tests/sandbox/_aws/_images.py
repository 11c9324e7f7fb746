# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's operations on images that there are: copies, attributes, deprecation, and their end."""

from __future__ import annotations

import datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends

from tests.sandbox._aws._registration import RegistrationRequests
from tests.sandbox._aws._resources import SandboxImage, SandboxSnapshot
from tests.sandbox._aws._snapshots import SnapshotRequests

_TIMESTAMP = "%Y-%m-%dT%H:%M:%S.000Z"


class ImageRequests(RegistrationRequests, SnapshotRequests):
    def _image(self, image_id: str) -> SandboxImage:
        image = self.ec2_backend.amis.get(image_id)
        if not isinstance(image, SandboxImage):
            raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
        if image.state == "deregistered":
            raise EC2ClientError("InvalidAMIID.Unavailable", f"The image id '[{image_id}]' is no longer available")
        return image

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
        self._settle("CopyImage", image, snapshots)
        return {"ImageId": image.id}

    def deregister_image(self) -> ActionResult:
        self.error_on_dryrun()
        image_id = self._get_param("ImageId")
        image = self._image(image_id)
        # EC2 lists it for a while yet; here, for good.
        image.state = "deregistered"
        # Such as missing-permissions: the image goes all the same.
        failure = self.state.faults.take_failure("ec2", "DeregisterImage")
        results = []
        if self._get_bool_param("DeleteAssociatedSnapshots", False):
            for snapshot_id in image.snapshot_ids:
                code = failure or ("skipped" if self._users_of(snapshot_id) else "success")
                if code == "success":
                    self._delete_snapshot(snapshot_id)
                results.append({"SnapshotId": snapshot_id, "ReturnCode": code})
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
