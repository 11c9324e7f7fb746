# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that Azure keeps for a virtual machine that is created, beyond what the models say."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import Any

from tests.sandbox._azure._errors import ArmError, invalid_parameter
from tests.sandbox._azure._resources import LOCATIONS, Resource, region_name
from tests.sandbox._azure._sizes import SIZES, Size

_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,62}[0-9A-Za-z_])?")
_HOST_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,62}[0-9A-Za-z])?")
_HOST_NAME_RULE = (
    "Linux host name cannot exceed 64 characters in length or contain the following characters: ` ~ ! @ # $ % "
    "^ & * ( ) = + _ [ ] { } \\ | ; : ' \" , < > / ?."
)
_RESERVED_USERS = {"admin", "administrator", "guest", "root", "test", "user"}
_USER_DATA_LENGTH = 87380
_LICENSES = {"RHEL_BYOS", "SLES_BYOS"}
_RSA_BITS = 2048


def check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ArmError(
            400,
            "InvalidResourceName",
            f"Resource name {name} is invalid. The name can be up to 64 characters long. It must begin with a word "
            "character, and it must end with a word character. The name may contain word characters or '.', '-', '_'.",
        )


def check_location(location: str) -> str:
    """The region's name."""
    if region_name(location) not in LOCATIONS:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{location}' is not available for resource type "
            f"'Microsoft.Compute/virtualMachines'. List of available regions for the resource type is "
            f"'{','.join(LOCATIONS)}'.",
        )
    return region_name(location)


def size_of(properties: dict[str, Any], location: str) -> Size:
    wanted = (properties.get("hardwareProfile") or {}).get("vmSize")
    if not wanted:
        raise invalid_parameter("Required parameter 'vm.properties.hardwareProfile' is missing (null).", "vmSize")
    size = SIZES.get(wanted.lower())
    if size is None:
        raise invalid_parameter(
            f"The value {wanted} provided for the VM size is not valid. The valid sizes in the current region are: "
            f"{','.join(other.name for other in SIZES.values())}.",
            "vmSize",
        )
    if location in size.restricted:
        raise ArmError(
            409,
            "SkuNotAvailable",
            "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: "
            f"{size.name}' is currently not available in location '{location}'. Please try another size or deploy to a "
            "different location or different zone.",
        )
    return size


def firmware_of(definition: Resource) -> str:
    return "uefi" if definition.body["properties"]["hyperVGeneration"] == "V2" else "bios"


def feature(definition: Resource, name: str) -> str | None:
    """A feature of an image definition."""
    features = definition.body["properties"].get("features") or []
    return next((entry["value"] for entry in features if entry["name"] == name), None)


def controller_of(properties: dict[str, Any], size: Size, definition: Resource) -> str:
    """The disk controller that the machine gets.

    :raises ArmError: when size and image do not fit each other.
    """
    image = definition.body["properties"]
    if image["architecture"] != size.architecture:
        raise ArmError(
            400,
            "BadRequest",
            f"Cannot create a VM of size '{size.name}' because this VM size only supports a CPU Architecture of "
            f"'{size.architecture}', but an image or disk with CPU Architecture '{image['architecture']}' was given. "
            "Please check that the CPU Architecture of the image or disk is compatible with that of the VM size.",
        )
    generation = image["hyperVGeneration"]
    if generation not in size.generations:
        raise ArmError(
            400,
            "BadRequest",
            f"The selected VM size '{size.name}' cannot boot Hypervisor Generation '{generation[1:]}'. If this was a "
            "Create operation please check that the Hypervisor Generation of the Image matches the Hypervisor "
            "Generation of the selected VM Size.",
        )
    # An image that does not tell is good for SCSI alone.
    allowed = {name.strip() for name in (feature(definition, "DiskControllerTypes") or "SCSI").split(",")}
    wanted = properties["storageProfile"].get("diskControllerType")
    if wanted is not None and generation != "V2":
        raise invalid_parameter(
            "The disk controller type is only supported with hypervisor generation '2'.",
            "storageProfile.diskControllerType",
        )
    controller = wanted or ("SCSI" if "SCSI" in size.controllers else size.controllers[0])
    if controller not in allowed or controller not in size.controllers:
        raise invalid_parameter(
            f"The VM size '{size.name}' cannot boot with OS image or disk. Please check that disk controller types "
            "supported by the OS image or disk is one of the supported disk controller types for the VM size "
            f"'{size.name}'. Please query sku api at https://aka.ms/azure-compute-skus to determine supported disk "
            "controller types for the VM size.",
            "storageProfile.diskControllerType",
        )
    return str(controller)


def security_type_of(properties: dict[str, Any], definition: Resource) -> str:
    """What protects the machine's boot.

    An explicit ``Standard`` is for subscriptions with the feature UseStandardSecurityType, which few have; without a
    word, an image that can do Trusted Launch gets it (https://github.com/Azure/azure-cli/issues/31234).
    """
    supported = feature(definition, "SecurityType") or "None"
    wanted = (properties.get("securityProfile") or {}).get("securityType")
    if wanted == "Standard":
        raise invalid_parameter(
            "The value of parameter securityProfile.securityType is invalid.", "securityProfile.securityType"
        )
    if wanted and wanted not in supported:
        raise ArmError(
            400,
            "BadRequest",
            f"The provided gallery image does not support creation of VMs with the '{wanted}' security type.",
        )
    return wanted or ("TrustedLaunch" if supported.startswith("TrustedLaunch") else "Standard")


def check_profiles(properties: dict[str, Any]) -> None:
    """Disk, system, user data and licence."""
    disk = properties["storageProfile"].get("osDisk") or {}
    if disk.get("createOption") != "FromImage":
        raise invalid_parameter("The value of parameter osDisk.createOption is invalid.", "osDisk.createOption")
    _check_system(properties.get("osProfile") or {})
    user_data = properties.get("userData")
    if user_data is not None and (len(user_data) > _USER_DATA_LENGTH or not _is_base64(user_data)):
        raise invalid_parameter(
            f"User data must be in Base64 encoding and with a maximum length of {_USER_DATA_LENGTH} characters.",
            "userData",
        )
    if properties.get("licenseType") not in (None, *_LICENSES):
        raise invalid_parameter("The value of parameter licenseType is invalid.", "licenseType")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True


def _check_system(profile: dict[str, Any]) -> None:
    for name in ("computerName", "adminUsername"):
        if not profile.get(name):
            raise invalid_parameter(f"Required parameter 'osProfile.{name}' is missing (null).", f"osProfile.{name}")
    if not _HOST_NAME.fullmatch(profile["computerName"]):
        raise invalid_parameter(
            _HOST_NAME_RULE,
            "linuxConfiguration.computerName",
        )
    user = profile["adminUsername"]
    if user in _RESERVED_USERS:
        raise invalid_parameter("The Admin Username specified is not allowed.", "adminUsername")
    linux = profile.get("linuxConfiguration") or {}
    if linux.get("disablePasswordAuthentication"):
        keys = (linux.get("ssh") or {}).get("publicKeys")
        if not keys:
            raise invalid_parameter(
                "Authentication using either SSH or by user name and password must be enabled in Linux profile.",
                "linuxConfiguration",
            )
        if profile.get("adminPassword"):
            raise invalid_parameter("Parameter 'adminPassword' is not allowed.", "adminPassword")
        for key in keys:
            _check_key(key, user)
    elif not profile.get("adminPassword"):
        raise invalid_parameter("Required parameter 'adminPassword' is missing (null).", "adminPassword")
    if linux.get("provisionVMAgent") is False and profile.get("allowExtensionOperations") is not False:
        raise invalid_parameter(
            "Parameter 'allowExtensionOperations' must be false when 'provisionVMAgent' is false.",
            "osProfile.allowExtensionOperations",
        )


def _check_key(key: dict[str, Any], user: str) -> None:
    where = "linuxConfiguration.ssh.publicKeys"
    if key.get("path") != f"/home/{user}/.ssh/authorized_keys":
        raise invalid_parameter(
            "Destination path for SSH public keys is currently limited to its default value "
            f"/home/{user}/.ssh/authorized_keys due to a known issue in Linux provisioning agent.",
            f"{where}.path",
        )
    # https://learn.microsoft.com/azure/virtual-machines/linux/mac-create-ssh-keys#supported-ssh-key-formats
    words = (key.get("keyData") or "").split()
    try:
        fields = _fields(base64.b64decode(words[1], validate=True))
        kind = fields[0].decode("ascii")
    except (IndexError, ValueError, struct.error):
        kind, fields = "", []
    good = kind == words[0] if words else False
    if kind == "ssh-rsa":
        good = good and len(fields) == 3 and int.from_bytes(fields[2]).bit_length() >= _RSA_BITS
    elif kind != "ssh-ed25519":
        good = False
    if not good:
        raise invalid_parameter(f"The value of parameter {where}.keyData is invalid.", f"{where}.keyData")


def _fields(data: bytes) -> list[bytes]:
    """The strings of RFC 4251, section 5."""
    fields = []
    while data:
        (length,) = struct.unpack_from(">I", data)
        fields.append(data[4 : 4 + length])
        data = data[4 + length :]
    return fields


def interface_of(properties: dict[str, Any], api_versions: tuple[str, ...]) -> dict[str, Any]:
    """The configuration of the one interface that the machine is to bring along."""
    profile = properties.get("networkProfile") or {}
    configurations = profile.get("networkInterfaceConfigurations") or []
    if profile.get("networkInterfaces") or len(configurations) != 1:
        raise invalid_parameter(
            "A virtual machine of the sandbox has one network interface, which it brings along.",
            "networkProfile.networkInterfaceConfigurations",
        )
    if profile.get("networkApiVersion") not in api_versions:
        raise invalid_parameter(
            "The value of parameter networkProfile.networkApiVersion is invalid.", "networkProfile.networkApiVersion"
        )
    configuration: dict[str, Any] = configurations[0]
    addresses = (configuration.get("properties") or {}).get("ipConfigurations") or []
    if len(addresses) != 1 or not addresses[0].get("properties"):
        raise invalid_parameter(
            "A network interface of the sandbox has one address.",
            "networkProfile.networkInterfaceConfigurations.ipConfigurations",
        )
    if public := addresses[0]["properties"].get("publicIPAddressConfiguration"):
        if (public.get("sku") or {}).get("name") != "Standard":
            raise ArmError(
                400,
                "IPv4BasicSkuPublicIpCountLimitReached",
                "Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in this region.",
            )
        if (public.get("properties") or {}).get("publicIPAllocationMethod") != "Static":
            raise ArmError(
                400,
                "PublicIPAddressWithStandardSkuMustBeStatic",
                f"The public IP address {public['name']} has a Standard SKU, which takes static allocation only.",
            )
    return configuration
