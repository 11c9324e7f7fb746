# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's instances. moto keeps them with their interfaces and volumes, here they become strict, and run."""

from __future__ import annotations

import base64
import binascii
import functools
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceState, StateReason

from tests.image import Arch
from tests.sandbox._aws._metadata import MetadataService
from tests.sandbox._aws._requests import EC2Requests
from tests.sandbox._aws._resources import SandboxImage
from tests.sandbox._machines import Hardware
from tests.support.qemu import Firmware

_USER_DATA_LIMIT = 16384
_CONSOLE_LIMIT = 64 * 1024
_ARCHITECTURES: dict[str | None, Arch] = {"x86_64": "x86_64", "arm64": "aarch64"}
_TAGGABLE = ["instance", "volume", "network-interface", "spot-instances-request"]
_PENDING, _RUNNING = ("pending", 0), ("running", 16)
_SHUTTING_DOWN, _TERMINATED = ("shutting-down", 32), ("terminated", 48)


class InstanceRequests(EC2Requests):
    def run_instances(self) -> ActionResult:
        self.error_on_dryrun()
        return ActionResult(self._idempotent("RunInstances", self._run_instances))

    def _run_instances(self) -> dict[str, Any]:
        if (self._get_param("MinCount"), self._get_param("MaxCount")) != (1, 1):
            raise EC2ClientError("UnsupportedOperation", "The sandbox launches one instance at a time.")
        image = self._launchable_image()
        instance_type = self._checked_type(image)
        firmware = _firmware_of(image, instance_type)
        user_data = self._checked_user_data()
        key_name = self._get_param("KeyName")
        if key_name is not None and key_name not in self.ec2_backend.key_pairs:
            raise EC2ClientError("InvalidKeyPair.NotFound", f"The key pair '{key_name}' does not exist")
        tags = {kind: self._tags_for(kind, allowed=_TAGGABLE) for kind in ("instance", "network-interface")}
        metadata = self._get_param("MetadataOptions", {})
        failure = self.state.faults.take_failure("ec2", "RunInstances")
        reservation: Any = super().run_instances().result
        instance: Instance = reservation.instances[0]
        for nic in instance.nics.values():
            nic.delete_on_termination = True
            nic.add_tags({tag["Key"]: tag["Value"] for tag in tags["network-interface"]})
        # What was registered with IMDSv2 only gives it to its instances, unless they ask for something else.
        tokens = metadata.get("HttpTokens") or ("required" if image.imds_support == "v2.0" else "optional")
        instance.metadata_options.http_tokens = tokens
        items = {"meta-data/instance-id": instance.id, "meta-data/ami-id": image.id}
        if key_name is not None:
            items["meta-data/public-keys/0/openssh-key"] = self.ec2_backend.key_pairs[key_name].public_key + "\n"
        if user_data is not None:
            items["user-data"] = user_data
        service = MetadataService(items, tokens == "required", metadata.get("HttpEndpoint") != "disabled")
        _set_state(instance, _PENDING)
        if failure:
            self.state.later("RunInstances", lambda: self._end(instance, StateReason(failure, "Server.InternalError")))
        else:
            machine, address = self.state.machines.launch(
                Hardware(
                    arch=_ARCHITECTURES[image.architecture],
                    firmware=firmware,
                    disk_bus="nvme" if INSTANCE_TYPES[instance_type]["Hypervisor"] == "nitro" else "virtio-blk",
                    smbios=(f"type=1,manufacturer=Amazon EC2,product={instance_type}",),
                ),
                self.state.store.path(image.root_snapshot_id),
                service,
            )
            self.state.running[instance.id] = machine
            if instance.public_ip:
                instance.nics[0].public_ip = address
            self.state.later(
                "RunInstances", lambda: _set_state(instance, _RUNNING) if instance.state == "pending" else None
            )
        self.state.instances.append(instance)
        return {
            "ReservationId": reservation.id,
            "OwnerId": reservation.owner_id,
            "Groups": [],
            "Instances": reservation.instances,
        }

    def _launchable_image(self) -> SandboxImage:
        image_id = self._get_param("ImageId")
        image = self.ec2_backend.amis.get(image_id)
        if not isinstance(image, SandboxImage):
            raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
        if image.state != "available":
            raise EC2ClientError("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available")
        return image

    def _checked_type(self, image: SandboxImage) -> str:
        name = str(self._get_param("InstanceType", "m1.small"))
        described = INSTANCE_TYPES.get(name)
        if described is None:
            raise EC2ClientError("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
        architectures = described["ProcessorInfo"]["SupportedArchitectures"]
        if image.architecture not in architectures:
            message = (
                f"The architecture '{','.join(architectures)}' of the specified instance type does not match the "
                f"architecture '{image.architecture}' of the specified AMI. Specify an instance type and an AMI that "
                "have matching architectures, and try again."
            )
            raise EC2ClientError("InvalidParameterValue", message)
        if described["NetworkInfo"]["EnaSupport"] == "required" and not image.attributes["ena_support"]:
            message = (
                f"Enhanced networking with the Elastic Network Adapter (ENA) is required for the '{name}' instance "
                "type. Ensure that you are using an AMI that is enabled for ENA."
            )
            raise EC2ClientError("InvalidParameterCombination", message)
        return name

    def _checked_user_data(self) -> str | None:
        encoded = self._get_param("UserData")
        if encoded is None:
            return None
        try:
            data = base64.b64decode(str(encoded), validate=True)
        except (binascii.Error, ValueError):
            raise EC2ClientError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
        if len(data) > _USER_DATA_LIMIT:
            message = f"User data is limited to {_USER_DATA_LIMIT} bytes"
            raise EC2ClientError("InvalidParameterValue", message)
        return data.decode()

    def _parse_block_device_mapping(self) -> list[dict[str, Any]]:
        """The image's devices, with what the request changes of them; moto takes the request's alone."""
        image = self._launchable_image()
        mappings = {item["DeviceName"]: dict(item["Ebs"]) for item in image.mappings}
        for item in self._get_param("BlockDeviceMappings", []):
            changed = item.get("Ebs", {})
            held = mappings.setdefault(item["DeviceName"], {})
            size, least = changed.get("VolumeSize"), held.get("VolumeSize")
            if size is None and least is None:
                raise EC2ClientError("MissingParameter", "The request must contain the parameter size or snapshotId")
            if size is not None and least is not None and size < least:
                message = (
                    f"Volume of size {size}GB is smaller than snapshot '{held.get('SnapshotId')}', expect size >= "
                    f"{least}GB"
                )
                raise EC2ClientError("InvalidBlockDeviceMapping", message)
            held.update(changed)
        return [
            {"DeviceName": name, "Ebs": {"DeleteOnTermination": True, "Encrypted": False} | ebs}
            for name, ebs in mappings.items()
        ]

    def terminate_instances(self) -> ActionResult:
        self.error_on_dryrun()
        instances = self.ec2_backend.get_multi_instances_by_id(self._get_param("InstanceIds", []))
        results = []
        for instance in instances:
            previous = {"Code": instance.state_code, "Name": instance.state}
            if instance.state not in ("shutting-down", "terminated"):
                _set_state(instance, _SHUTTING_DOWN)
                reason = StateReason(
                    "Client.UserInitiatedShutdown: User initiated shutdown", "Client.UserInitiatedShutdown"
                )
                self.state.later("TerminateInstances", functools.partial(self._end, instance, reason))
            current = {"Code": instance.state_code, "Name": instance.state}
            results.append({"InstanceId": instance.id, "CurrentState": current, "PreviousState": previous})
        return ActionResult({"TerminatingInstances": results})

    def _end(self, instance: Instance, reason: StateReason) -> None:
        if machine := self.state.running.pop(instance.id, None):
            machine.discard()
        instance.terminate()
        _set_state(instance, _TERMINATED)
        instance.state_reason = reason

    def delete_key_pair(self) -> ActionResult:
        self.error_on_dryrun()
        name, key_pair_id = self._get_param("KeyName"), self._get_param("KeyPairId")
        if name is None and key_pair_id is None:
            raise EC2ClientError("MissingParameter", "The request must contain the parameter KeyName or KeyPairId")
        # One that is not there is no error.
        for pair in list(self.ec2_backend.key_pairs.values()):
            if pair.key_name == name or pair.id == key_pair_id:
                self.ec2_backend.delete_key_pair(pair.key_name)
        return ActionResult({"Return": True})

    def get_console_output(self) -> ActionResult:
        self.error_on_dryrun()
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        nitro = INSTANCE_TYPES[instance.instance_type]["Hypervisor"] == "nitro"
        if self._get_bool_param("Latest", False) and not nitro:
            message = "This instance type does not support retrieving the latest console logs."
            raise EC2ClientError("UnsupportedOperation", message)
        machine = self.state.running.get(instance.id)
        output = machine.console()[-_CONSOLE_LIMIT:] if machine is not None else b""
        result: dict[str, Any] = {"InstanceId": instance.id, "Timestamp": utcnow()}
        if output:
            result["Output"] = Base64EncodedString(base64.b64encode(output).decode())
        return ActionResult(result)


def _set_state(instance: Instance, state: tuple[str, int]) -> None:
    instance._state = InstanceState(*state)


def _firmware_of(image: SandboxImage, instance_type: str) -> Firmware:
    """What the instance boots with (Amazon EC2 User Guide, "Boot modes")."""
    modes = INSTANCE_TYPES[instance_type]["SupportedBootModes"]
    wanted = image.boot_mode
    if wanted == "uefi-preferred":
        return "uefi" if "uefi" in modes else "bios"
    if wanted is None:
        return "bios" if "legacy-bios" in modes else "uefi"
    if wanted not in modes:
        message = f"The instance type '{instance_type}' does not support the boot mode '{wanted}' of the AMI."
        raise EC2ClientError("UnsupportedOperation", message)
    return "uefi" if wanted == "uefi" else "bios"
