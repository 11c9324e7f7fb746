# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances in Oracle Cloud for the unit tests: the options of the module, and what the API says of an instance."""

from __future__ import annotations

from typing import Any

from ansible_collections.alpine.cloud.plugins.module_utils._launch.options import MACHINE_ARGUMENT_SPEC
from tests.support.scripted_oci import COMPARTMENT, ScriptedOracle

NAME = "alpine-1"
INSTANCE = "ocid1.instance.oc1..one"
IMAGE = "ocid1.image.oc1..image"
SUBNET = "ocid1.subnet.oc1..subnet"
DOMAINS = ("AD-1", "AD-2")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJzv5RjGkL1MZ3MQdxBzMVbGzVVvFn3iYwhV9KfQZ8Xg somebody@elsewhere"


def options(oracle: ScriptedOracle, **given: Any) -> dict[str, Any]:
    """The module's parameters."""
    own: dict[str, Any] = {
        "compartment_id": COMPARTMENT,
        "name": NAME,
        "image_id": IMAGE,
        "shape": None,
        "ocpus": None,
        "memory_in_gbs": None,
        "boot_volume_size_in_gbs": 50,
        "availability_domain": None,
        "subnet_id": SUBNET,
        "nsg_ids": [],
        "assign_public_ip": None,
        "freeform_tags": None,
    }
    machine = {name: spec.get("default") for name, spec in MACHINE_ARGUMENT_SPEC.items()}
    return oracle.params(**{**machine, **own, **given})


def instance(state: str = "RUNNING", **fields: Any) -> dict[str, Any]:
    """An instance as the API shows it."""
    return {
        "id": INSTANCE,
        "displayName": NAME,
        "compartmentId": COMPARTMENT,
        "availabilityDomain": DOMAINS[0],
        "freeformTags": {"alpine-cloud-machine": NAME},
        "imageId": IMAGE,
        "lifecycleState": state,
        "shape": "VM.Standard.E4.Flex",
        "shapeConfig": {"ocpus": 1.0, "memoryInGBs": 1.0},
        "sourceDetails": {"sourceType": "image", "imageId": IMAGE},
        "timeCreated": "2026-01-01T00:00:00.000Z",
        **fields,
    }
