# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An EC2 instance, launched from an AMI."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .._core.diff import diff_of
from .._core.errors import AlpineCloudError, ConflictError, InputError, ProviderError
from .._core.wait import Wait
from .._launch.console import NO_CONSOLE, ConsoleRequest, ConsoleText
from .._launch.public_key import LOGIN, SshPublicKey
from .._launch.user_data import checked_user_data
from .ami import ARCHITECTURES
from .clients import AwsClients
from .default_network import check_default_network
from .errors import provider_errors
from .instance_state import Ec2InstanceAttributes, Ec2InstanceState, instances_of, read_instance
from .key_pair import delete_key_pair, import_key_pair, key_pairs_of
from .tags import as_list, machine_tags, missing_tags

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.literals import InstanceTypeType
    from types_boto3_ec2.type_defs import InstanceNetworkInterfaceSpecificationTypeDef, RunInstancesRequestTypeDef

DEFAULT_INSTANCE_TYPES = {"x86_64": "t3.nano", "aarch64": "t4g.nano"}
"""By architecture, the smallest of those that boot by UEFI and by BIOS, and tell the console as it is now."""

# In bytes, before base64: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
_USER_DATA_LIMIT = 16 * 1024


@dataclasses.dataclass(frozen=True)
class Ec2InstanceRequest:
    """What the options ask for."""

    name: str
    wait: Wait
    image_id: str | None
    instance_type: str
    architecture: str
    """In Alpine's words."""
    public_key: SshPublicKey | None
    user_data: str | None
    subnet_id: str | None
    security_group_ids: tuple[str, ...]
    assign_public_ip: bool | None
    """``None`` leaves it to the subnet."""
    tags: dict[str, str]
    console: ConsoleRequest

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Ec2InstanceRequest:
        """:raises InputError: for what EC2 would refuse, or a key that is none."""
        key = params["ssh_public_key"]
        return cls(
            name=params["name"],
            wait=Wait.from_params(params),
            image_id=params["image_id"] or None,
            instance_type=params["instance_type"] or DEFAULT_INSTANCE_TYPES[params["architecture"]],
            architecture=params["architecture"],
            public_key=None if key is None else SshPublicKey.parse(key),
            user_data=checked_user_data(params["user_data"], limit=_USER_DATA_LIMIT, cloud="EC2"),
            subnet_id=params["subnet_id"] or None,
            security_group_ids=tuple(params["security_group_ids"]),
            assign_public_ip=params["assign_public_ip"],
            tags=machine_tags(params["tags"], name=params["name"]),
            console=ConsoleRequest.from_params(params),
        )

    def wanted(self, existing: Ec2InstanceState | None = None) -> Ec2InstanceAttributes:
        """The attributes that the instance is to have."""
        held = existing.managed.tags if existing else {}
        return Ec2InstanceAttributes(self.name, self.image_id or "", self.instance_type, {**held, **self.tags})


def ensure_present(clients: AwsClients, request: Ec2InstanceRequest, *, check_mode: bool) -> dict[str, Any]:
    """Adopt the instance, or launch it and wait until it runs.

    :raises ConflictError: when there is one of this name from another image, or of another type.
    :raises InputError: when the image, or a network that it could be in, does not exist.
    :raises ProviderError: when it does not come up, or does not say what is waited for.
    """
    ec2 = clients.ec2()
    known = instances_of(ec2, request.name)
    found = next((instance for instance in known if not instance.ended), None)
    if found is not None:
        return _adopt(clients, request, found, check_mode=check_mode)
    if request.image_id is None and not check_mode:
        raise InputError("image_id is missing: it is the image to launch")
    if request.subnet_id is None:
        check_default_network(ec2, clients.region)
    if check_mode:
        return _result(clients, request, None, changed=True, before=None, after=request.wanted())
    instance = _launch(ec2, request, known)
    if request.wait.enabled:
        instance = _await_running(ec2, instance, request.wait)
    console = _read_console(ec2, request, instance)
    return _result(clients, request, instance, changed=True, before=None, after=instance.managed, console=console)


def ensure_absent(clients: AwsClients, request: Ec2InstanceRequest, *, check_mode: bool) -> dict[str, Any]:
    """Terminate the instances of this name, with their volumes, and delete their key pair.

    :raises ProviderError: when EC2 refuses.
    """
    ec2 = clients.ec2()
    known = instances_of(ec2, request.name)
    doomed = [instance for instance in known if not instance.ended]
    pairs = key_pairs_of(ec2, request.name)
    if not check_mode:
        if doomed:
            with provider_errors("TerminateInstances", f"terminate instance {request.name}"):
                ec2.terminate_instances(InstanceIds=[instance.instance_id for instance in doomed])
        if request.wait.enabled:
            for instance in known:
                if not instance.gone:
                    _await_end(ec2, instance, request.wait)
        for pair in pairs:
            delete_key_pair(ec2, pair)
    before = doomed[0].managed if doomed else None
    return _result(clients, request, None, changed=bool(doomed or pairs), before=before, after=None)


def _adopt(
    clients: AwsClients, request: Ec2InstanceRequest, found: Ec2InstanceState, *, check_mode: bool
) -> dict[str, Any]:
    ec2 = clients.ec2()
    held = found.managed
    for option, wanted, has in (
        ("image_id", request.image_id, held.image_id),
        ("instance_type", request.instance_type, held.instance_type),
    ):
        if wanted is not None and wanted != has:
            raise ConflictError(
                f"Instance {found.instance_id}, called {request.name}, has {option} {has}, not {wanted}: remove it "
                "first (state absent), or choose another name"
            )
    if not (found.running or found.starting):
        raise ConflictError(
            f"Instance {found.instance_id}, called {request.name}, is {found.state}: start it, or remove it first "
            "(state absent)"
        )
    missing = missing_tags(held.tags, request.tags)
    after = dataclasses.replace(held, tags={**held.tags, **request.tags})
    if missing and not check_mode:
        with provider_errors("CreateTags", f"tag instance {found.instance_id}"):
            ec2.create_tags(Resources=[found.instance_id], Tags=as_list(missing))
    if request.wait.enabled and found.starting and not check_mode:
        found = _await_running(ec2, found, request.wait)
    console = _read_console(ec2, request, found)
    return _result(clients, request, found, changed=bool(missing), before=held, after=after, console=console)


def _launch(ec2: EC2Client, request: Ec2InstanceRequest, known: list[Ec2InstanceState]) -> Ec2InstanceState:
    image_id = request.image_id or ""
    root_device = _root_device(ec2, request, image_id)
    tags = as_list(request.tags)
    details: RunInstancesRequestTypeDef = {
        "ImageId": image_id,
        "InstanceType": cast("InstanceTypeType", request.instance_type),  # EC2 knows newer ones
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": _client_token(request.name, known),
        # IMDSv2 only, and not beyond the instance itself.
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [{"DeviceName": root_device, "Ebs": {"DeleteOnTermination": True}}],
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": tags},
            {"ResourceType": "volume", "Tags": tags},
            {"ResourceType": "network-interface", "Tags": tags},
        ],
    }
    _set_network(details, request)
    if request.user_data is not None:
        details["UserData"] = request.user_data  # boto3 encodes it
    try:
        if request.public_key is not None:
            details["KeyName"] = import_key_pair(ec2, request.name, request.public_key, request.tags)
        with provider_errors("RunInstances", f"launch instance {request.name}"):
            made = ec2.run_instances(**details)["Instances"][0]
    except AlpineCloudError:
        _remove_key_pairs(ec2, request.name)
        raise
    return Ec2InstanceState.of(made)


def _remove_key_pairs(ec2: EC2Client, name: str) -> None:
    """After a launch that was refused, unless another run has launched the instance meanwhile."""
    if any(not instance.ended for instance in instances_of(ec2, name)):
        return
    for pair in key_pairs_of(ec2, name):
        delete_key_pair(ec2, pair)


def _set_network(details: RunInstancesRequestTypeDef, request: Ec2InstanceRequest) -> None:
    """Where the instance is. An address can be asked for with an interface only, which then has all the rest."""
    groups = list(request.security_group_ids)
    if request.assign_public_ip is None:
        if request.subnet_id:
            details["SubnetId"] = request.subnet_id
        if groups:
            details["SecurityGroupIds"] = groups
        return
    interface: InstanceNetworkInterfaceSpecificationTypeDef = {
        "DeviceIndex": 0,
        "AssociatePublicIpAddress": request.assign_public_ip,
        "DeleteOnTermination": True,
    }
    if request.subnet_id:
        interface["SubnetId"] = request.subnet_id
    if groups:
        interface["Groups"] = groups
    details["NetworkInterfaces"] = [interface]


def _root_device(ec2: EC2Client, request: Ec2InstanceRequest, image_id: str) -> str:
    """:raises InputError: when there is no such image, or it is of another architecture."""
    with provider_errors("DescribeImages", f"read image {image_id}"):
        images = ec2.describe_images(ImageIds=[image_id])["Images"]
    if not images:
        raise InputError(f"image_id {image_id}: there is no such image")
    architecture = images[0].get("Architecture")
    if architecture != ARCHITECTURES[request.architecture]:
        raise InputError(f"architecture is {request.architecture}, but image {image_id} is for {architecture}")
    return images[0]["RootDeviceName"]


def _client_token(name: str, known: list[Ec2InstanceState]) -> str:
    """The same for all that launch the instance after those that have ended, so that one of them launches it."""
    ended = ",".join(sorted(instance.instance_id for instance in known))
    return hashlib.sha256(f"{name}\n{ended}".encode()).hexdigest()


def _await_running(ec2: EC2Client, instance: Ec2InstanceState, wait: Wait) -> Ec2InstanceState:
    def check() -> Ec2InstanceState | None:
        current = read_instance(ec2, instance.instance_id)
        if current is None or current.starting:
            return None
        if current.running:
            return current
        raise ProviderError(
            f"Instance {current.instance_id} has not come up, it is {current.state}: {current.reason or 'no reason'}",
            operation="RunInstances",
            code=current.state,
            details={"instance_id": current.instance_id},
        )

    return wait.until(check, what=f"instance {instance.instance_id} to run")


def _await_end(ec2: EC2Client, instance: Ec2InstanceState, wait: Wait) -> None:
    def check() -> bool | None:
        current = read_instance(ec2, instance.instance_id)
        return True if current is None or current.gone else None

    wait.until(check, what=f"instance {instance.instance_id} to be terminated")


def _read_console(ec2: EC2Client, request: Ec2InstanceRequest, instance: Ec2InstanceState) -> ConsoleText | None:
    if not request.console.wanted:
        return None

    def ended() -> str | None:
        current = read_instance(ec2, instance.instance_id)
        return current.state if current is not None and not (current.running or current.starting) else None

    return request.console.read(
        f"Instance {request.name}", lambda: _console_output(ec2, instance.instance_id), request.wait, ended=ended
    )


def _console_output(ec2: EC2Client, instance_id: str) -> str:
    """What the console has said, as it is now where the type of the instance has that."""
    try:
        with provider_errors("GetConsoleOutput", f"read the console of instance {instance_id}"):
            return ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")
    except ProviderError as error:
        # Types that are not built on Nitro keep what was said around the boot.
        if error.code != "UnsupportedOperation":
            raise
    with provider_errors("GetConsoleOutput", f"read the console of instance {instance_id}"):
        return ec2.get_console_output(InstanceId=instance_id).get("Output", "")


def _result(
    clients: AwsClients,
    request: Ec2InstanceRequest,
    instance: Ec2InstanceState | None,
    *,
    changed: bool,
    before: Ec2InstanceAttributes | None,
    after: Ec2InstanceAttributes | None,
    console: ConsoleText | None = None,
) -> dict[str, Any]:
    shown = after or before
    return {
        "changed": changed,
        "id": instance.instance_id if instance else None,
        "name": request.name,
        # What is not launched yet has no state of EC2's.
        "state": (instance.state if instance else None) if after else "absent",
        "running": instance is not None and instance.running,
        "private_address": instance.private_address if instance else None,
        "public_address": instance.public_address if instance else None,
        "user": LOGIN,
        "image_id": shown.image_id if shown else request.image_id,
        "instance_type": shown.instance_type if shown else request.instance_type,
        "region": clients.region,
        "availability_zone": instance.availability_zone if instance else None,
        "tags": shown.tags if shown else {},
        **(console.as_result() if console else NO_CONSOLE),
        "diff": diff_of(before, after),
    }
