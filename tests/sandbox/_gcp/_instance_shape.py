# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine tells of an instance: to whoever asks for it, and to the machine itself."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tests.sandbox._gcp._machine_types import Series
from tests.sandbox._gcp._project import Project
from tests.sandbox._gcp._requests import fingerprint, link, now


def instance_resource(
    project: str,
    zone: str,
    body: Mapping[str, Any],
    *,
    identifier: str,
    machine_type: str,
    series: Series,
    disk: Mapping[str, Any],
    interface: Mapping[str, Any],
    metadata: Mapping[str, str],
) -> dict[str, Any]:
    """A new instance.

    :param body: the request, as far as it was not looked at.
    :param disk: the resource that it boots from.
    :param interface: where its network interface is.
    """
    [asked], [asked_interface] = body["disks"], body["networkInterfaces"]
    labels = body.get("labels", {})
    resource = {
        "kind": "compute#instance",
        "id": identifier,
        "creationTimestamp": now(),
        "name": body["name"],
        "zone": link(project, f"zones/{zone}"),
        "machineType": link(project, f"zones/{zone}/machineTypes/{machine_type}"),
        "status": "PROVISIONING",
        "description": body.get("description", ""),
        "metadata": {
            "kind": "compute#metadata",
            "fingerprint": fingerprint(metadata),
            "items": [{"key": key, "value": value} for key, value in metadata.items()],
        },
        "disks": [
            {
                "kind": "compute#attachedDisk",
                "type": "PERSISTENT",
                "mode": "READ_WRITE",
                "source": disk["selfLink"],
                "deviceName": asked.get("deviceName", "persistent-disk-0"),
                "index": 0,
                "boot": True,
                "autoDelete": bool(asked.get("autoDelete", False)),
                "interface": "NVME" if series.disk_bus == "nvme" else "SCSI",
                "guestOsFeatures": copy.deepcopy(disk["guestOsFeatures"]),
                "diskSizeGb": disk["sizeGb"],
                "architecture": disk["architecture"],
            }
        ],
        "networkInterfaces": [
            {
                "kind": "compute#networkInterface",
                "name": "nic0",
                **interface,
                **({"nicType": asked_interface["nicType"]} if "nicType" in asked_interface else {}),
                "accessConfigs": [
                    {
                        "kind": "compute#accessConfig",
                        "type": "ONE_TO_ONE_NAT",
                        "name": config.get("name", "external-nat"),
                        "networkTier": config.get("networkTier", "PREMIUM"),
                    }
                    for config in asked_interface.get("accessConfigs", [])
                ],
            }
        ],
        "shieldedInstanceConfig": {
            "enableSecureBoot": False,
            "enableVtpm": True,
            "enableIntegrityMonitoring": True,
            **body.get("shieldedInstanceConfig", {}),
        },
        "labelFingerprint": fingerprint(labels),
        "selfLink": link(project, f"zones/{zone}/instances/{body['name']}"),
    }
    if labels:
        resource["labels"] = dict(labels)
    return resource


def metadata_tree(project: Project, resource: Mapping[str, Any]) -> dict[str, Any]:
    """What the metadata server of an instance has."""
    [interface] = resource["networkInterfaces"]
    zone = resource["zone"].rpartition("/")[2]
    addresses = {
        str(index): {"external-ip": config.get("natIP", ""), "type": config["type"]}
        for index, config in enumerate(interface["accessConfigs"])
    }
    return {
        "instance": {
            "attributes": {item["key"]: item["value"] for item in resource["metadata"]["items"]},
            "description": resource["description"],
            "hostname": f"{resource['name']}.{zone}.c.{project.name}.internal",
            "id": resource["id"],
            "machine-type": f"projects/{project.number}/machineTypes/{resource['machineType'].rpartition('/')[2]}",
            "name": resource["name"],
            "network-interfaces": {"0": {"access-configs": addresses, "ip": interface["networkIP"]}},
            "zone": f"projects/{project.number}/zones/{zone}",
        },
        "project": {
            "attributes": dict(project.items),
            "numeric-project-id": project.number,
            "project-id": project.name,
        },
    }
