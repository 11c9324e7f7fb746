# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.image_id import ImageNeeds
from ansible_collections.alpine.cloud.plugins.module_utils._azure.machine_size import (
    DEFAULT_SIZES,
    MachineSize,
    find_size,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError
from tests.unit.plugins.module_utils._azure.fakes import arm_error
from tests.unit.plugins.module_utils._azure.machine_case import MachineClients, sku

IMAGE = ImageNeeds("x86_64", "V2", ("NVMe", "SCSI"), plain=True, regions=("westeurope",))


def test_what_azure_tells_of_a_size() -> None:
    size = MachineSize.of(sku(CpuArchitectureType="Arm64", HyperVGenerations="V2", DiskControllerTypes="SCSI, NVMe"))
    assert (size.architecture, size.generations) == ("aarch64", ("V2",))
    assert size.disk_controller_types == ("SCSI", "NVMe")
    assert size.available
    assert not MachineSize.of(sku(restricted=True)).available


def test_what_azure_does_not_tell_of_old_sizes() -> None:
    size = MachineSize.of(sku(CpuArchitectureType="", HyperVGenerations="", DiskControllerTypes=""))
    assert (size.architecture, size.generations, size.disk_controller_types) == ("x86_64", ("V1",), ("SCSI",))


@pytest.mark.parametrize(
    ("changes", "architecture", "image", "message"),
    [
        ({"available": False}, "x86_64", IMAGE, "is not available to this subscription in westeurope"),
        ({"architecture": "aarch64"}, "x86_64", IMAGE, "is of aarch64, but architecture is x86_64.*Standard_B2ats_v2"),
        ({}, "aarch64", None, "is of x86_64, but architecture is aarch64.*Standard_B2pts_v2"),
        ({"generations": ("V1",)}, "x86_64", IMAGE, "boots machines of generation V1, but the image is of V2"),
    ],
)
def test_a_size_that_does_not_fit(
    changes: dict[str, Any], architecture: str, image: ImageNeeds | None, message: str
) -> None:
    size = dataclasses.replace(MachineSize.of(sku()), **changes)
    with pytest.raises(InputError, match=message):
        size.check(architecture, image, "westeurope")


def test_sizes_that_fit() -> None:
    size = MachineSize.of(sku())
    size.check("x86_64", IMAGE, "westeurope")
    size.check("x86_64", None, "westeurope")
    dataclasses.replace(size, generations=("V1",)).check("x86_64", None, "westeurope")


@pytest.mark.parametrize(
    ("size", "generation", "image", "controller"),
    [
        ("SCSI,NVMe", "V2", ("NVMe", "SCSI"), "NVMe"),
        ("SCSI,NVMe", "V2", ("SCSI",), "SCSI"),
        ("SCSI", "V2", ("NVMe", "SCSI"), "SCSI"),
        ("NVMe", "V2", ("NVMe", "SCSI"), "NVMe"),
        ("SCSI,NVMe", "V1", ("SCSI",), None),
    ],
)
def test_the_disk_controller(size: str, generation: str, image: tuple[str, ...], controller: str | None) -> None:
    needs = dataclasses.replace(IMAGE, hyper_v_generation=generation, disk_controller_types=image)
    assert MachineSize.of(sku(DiskControllerTypes=size)).disk_controller(needs) == controller


def test_the_disk_controller_for_images_of_others() -> None:
    assert MachineSize.of(sku(DiskControllerTypes="NVMe")).disk_controller(None) == "NVMe"
    assert MachineSize.of(sku(DiskControllerTypes="SCSI,NVMe")).disk_controller(None) is None


def test_no_disk_controller_in_common() -> None:
    needs = dataclasses.replace(IMAGE, disk_controller_types=("SCSI",))
    with pytest.raises(InputError, match="has disk controllers of NVMe alone, and the image definition allows SCSI"):
        MachineSize.of(sku(DiskControllerTypes="NVMe")).disk_controller(needs)


def test_a_size_is_found_by_its_name_in_any_case() -> None:
    clients: Any = MachineClients()
    found = find_size(clients.compute, "STANDARD_b2ats_V2", "westeurope")
    assert found is not None
    assert found.name == DEFAULT_SIZES["x86_64"]
    assert clients.compute.resource_skus.filters == ["location eq 'westeurope'"]


def test_a_size_that_the_region_does_not_have() -> None:
    clients: Any = MachineClients()
    with pytest.raises(InputError, match=r"size 'Standard_X' does not exist in westeurope.*az vm list-skus"):
        find_size(clients.compute, "Standard_X", "westeurope")


def test_who_may_not_read_sizes_goes_without() -> None:
    clients: Any = MachineClients()
    clients.compute.resource_skus.error = arm_error(403, "AuthorizationFailed")
    assert find_size(clients.compute, "Standard_X", "westeurope") is None
    clients.compute.resource_skus.error = arm_error(500, "InternalServerError")
    with pytest.raises(ProviderError, match="Cannot list the sizes of machines"):
        find_size(clients.compute, "Standard_X", "westeurope")
