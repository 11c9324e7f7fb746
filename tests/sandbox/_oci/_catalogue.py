# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a region offers: shapes, and the global image capability schema.

Sources: https://docs.oracle.com/iaas/Content/Compute/References/computeshapes.htm and
https://docs.oracle.com/iaas/Content/Compute/Tasks/configuringimagecapabilities.htm.
"""

from __future__ import annotations

from typing import Any

_AMPERE = "3.0 GHz Ampere® Altra™"
_AMPERE_ONE = "3.0 GHz AmpereOne®"
_INTEL = "2.6 GHz Intel® Xeon® Platinum 8358 (Ice Lake)"
_AMD = "2.55 GHz AMD EPYC™ 7J13 (Milan)"


def _flexible(name: str, processor: str, ocpus: int, memory: int) -> dict[str, Any]:
    return {
        "shape": name,
        "processorDescription": processor,
        "ocpus": 1.0,
        "memoryInGBs": 16.0,
        "isFlexible": True,
        "billingType": "PAID",
        "ocpuOptions": {"min": 1.0, "max": float(ocpus)},
        "memoryOptions": {"minInGBs": 1.0, "maxInGBs": float(memory), "defaultPerOcpuInGBs": 16.0},
    }


def _fixed(name: str, processor: str, ocpus: float, memory: float) -> dict[str, Any]:
    return {
        "shape": name,
        "processorDescription": processor,
        "ocpus": ocpus,
        "memoryInGBs": memory,
        "isFlexible": False,
        "billingType": "PAID",
    }


SHAPES: list[dict[str, Any]] = [
    _fixed("BM.GPU.A10.4", _INTEL, 64, 1024),
    _fixed("BM.Standard.A1.160", _AMPERE, 160, 1024),
    _fixed("BM.Standard.E4.128", _AMD, 128, 2048),
    _fixed("BM.Standard3.64", _INTEL, 64, 1024),
    _fixed("VM.GPU.A10.1", _INTEL, 15, 240),
    _flexible("VM.Optimized3.Flex", _INTEL, 18, 256),
    _flexible("VM.Standard.A1.Flex", _AMPERE, 80, 512),
    _flexible("VM.Standard.A2.Flex", _AMPERE_ONE, 78, 946),
    _fixed("VM.Standard.E2.1.Micro", _AMD, 1, 1),
    _flexible("VM.Standard.E3.Flex", _AMD, 114, 1776),
    _flexible("VM.Standard.E4.Flex", _AMD, 114, 1776),
    _flexible("VM.Standard.E5.Flex", _AMD, 126, 1454),
    _flexible("VM.Standard.E6.Flex", _AMD, 126, 1454),
    _fixed("VM.Standard2.1", _INTEL, 1, 15),
    _fixed("VM.Standard2.2", _INTEL, 2, 30),
    _flexible("VM.Standard3.Flex", _INTEL, 56, 896),
]
"""One row for each shape, as ListShapes has them for one availability domain. No A4: not every region has it."""

SHAPES_OF_IMPORTS = [
    "VM.Optimized3.Flex",
    "VM.Standard.E2.1.Micro",
    "VM.Standard.E3.Flex",
    "VM.Standard.E4.Flex",
    "VM.Standard.E5.Flex",
    "VM.Standard.x86.Generic",
    "VM.Standard2.1",
    "VM.Standard2.2",
    "VM.Standard3.Flex",
]
"""What every imported image is compatible with at first, without constraints: x86, whatever it is."""


def _enumeration(default: str, *values: str) -> dict[str, Any]:
    return {"descriptorType": "enumstring", "source": "GLOBAL", "values": list(values), "defaultValue": default}


def _boolean(default: bool) -> dict[str, Any]:
    return {"descriptorType": "boolean", "source": "GLOBAL", "defaultValue": default}


_VOLUME = _enumeration("PARAVIRTUALIZED", "ISCSI", "SCSI", "IDE", "PARAVIRTUALIZED")

GLOBAL_SCHEMA: dict[str, dict[str, Any]] = {
    "Compute.AMD_SecureEncryptedVirtualization": _boolean(False),
    "Compute.Firmware": _enumeration("UEFI_64", "BIOS", "UEFI_64"),
    "Compute.LaunchMode": _enumeration("PARAVIRTUALIZED", "NATIVE", "EMULATED", "PARAVIRTUALIZED", "CUSTOM"),
    "Compute.SecureBoot": _boolean(False),
    "Network.AttachmentType": _enumeration("PARAVIRTUALIZED", "E1000", "VFIO", "PARAVIRTUALIZED"),
    "Network.IPv6Only": _boolean(False),
    "Storage.BootVolumeType": _VOLUME,
    "Storage.ConsistentVolumeNaming": _boolean(True),
    "Storage.Iscsi.MultipathDeviceSupported": _boolean(False),
    "Storage.LocalDataVolumeType": _VOLUME,
    "Storage.ParaVirtualization.AttachmentVersion": {
        "descriptorType": "enuminteger",
        "source": "GLOBAL",
        "values": [1, 2],
        "defaultValue": 2,
    },
    "Storage.ParaVirtualization.EncryptionInTransit": _boolean(True),
    "Storage.RemoteDataVolumeType": _VOLUME,
}
"""Regions differ: some also allow NVME for volumes."""

_PARAVIRTUALIZED = {
    "bootVolumeType": "PARAVIRTUALIZED",
    "firmware": "BIOS",
    "networkType": "PARAVIRTUALIZED",
    "remoteDataVolumeType": "PARAVIRTUALIZED",
    "isPvEncryptionInTransitEnabled": False,
    "isConsistentVolumeNamingEnabled": False,
}

LAUNCH_OPTIONS_OF_MODE: dict[str, dict[str, Any]] = {
    "PARAVIRTUALIZED": _PARAVIRTUALIZED,
    "NATIVE": {
        **_PARAVIRTUALIZED,
        "bootVolumeType": "ISCSI",
        "firmware": "UEFI_64",
        "networkType": "VFIO",
        "remoteDataVolumeType": "ISCSI",
    },
    "EMULATED": {
        **_PARAVIRTUALIZED,
        "bootVolumeType": "IDE",
        "networkType": "E1000",
        "remoteDataVolumeType": "IDE",
    },
}
"""What the presets mean, as seen by those who launched instances of such images."""
