# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bootable image boots, as it was built and as each cloud holds it after an import."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image import ImageSpec, build_image
from tests.sandbox._cloud import CLOUDS
from tests.sandbox._supervisor import running
from tests.support.boot import DiskBus, Firmware, boot
from tests.support.compare import assert_same_disk
from tests.support.paths import REPOSITORY
from tests.support.playbook import run_playbook


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(output=tmp_path_factory.mktemp("image"))


def _assert_boots(disk: Path, firmware: Firmware, disk_bus: DiskBus, name: str) -> None:
    log = boot(disk, firmware=firmware, disk_bus=disk_bus)
    assert (log.image, log.firmware, log.arch) == (name, firmware, "x86_64")


@pytest.mark.parametrize(
    ("firmware", "disk_bus"),
    [("bios", "virtio-blk"), ("uefi", "virtio-blk"), ("uefi", "nvme"), ("bios", "virtio-scsi")],
)
def test_the_hybrid_image_boots(image: Path, firmware: Firmware, disk_bus: DiskBus) -> None:
    before = image.read_bytes()
    _assert_boots(image, firmware, disk_bus, image.stem)
    assert image.read_bytes() == before


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_image_of_one_firmware_boots(firmware: Firmware, tmp_path: Path) -> None:
    image = build_image(ImageSpec(firmware), tmp_path)
    _assert_boots(image, firmware, "virtio-blk", image.stem)


def test_a_machine_that_needs_too_long_is_stopped(image: Path) -> None:
    with pytest.raises(AssertionError, match=r"\.qcow2 \(uefi, nvme\) has not started"):
        boot(image, firmware="uefi", disk_bus="nvme", timeout=0.5)


def test_a_machine_that_ends_tells_why(tmp_path: Path) -> None:
    odd = tmp_path / "odd.raw"
    odd.write_bytes(b"QFI\xfb" + bytes(508))
    with pytest.raises(AssertionError, match=r"serial console:\n.*qcow"):
        boot(odd, firmware="bios")


@dataclasses.dataclass(frozen=True)
class Registered:
    """How a cloud registers a hybrid image, and what its machines therefore are."""

    firmware: str
    """In the provider's word, as the manifest has it."""
    boots: tuple[tuple[Firmware, DiskBus], ...]
    padded: bool
    """The cloud's disks are whole GiB."""


_REGISTERED = {
    "aws": Registered("uefi-preferred", (("uefi", "nvme"), ("bios", "virtio-blk")), padded=True),
    "azure": Registered("V2", (("uefi", "nvme"),), padded=False),
    "gcp": Registered("UEFI_COMPATIBLE", (("uefi", "virtio-scsi"),), padded=True),
    "oci": Registered("UEFI_64", (("uefi", "virtio-blk"),), padded=False),
}


@dataclasses.dataclass(frozen=True)
class Imported:
    """The clouds after import_all, and what it wrote down."""

    sandbox: Path
    manifest: dict[str, dict[str, Any]]
    """By cloud."""
    output: str


@pytest.fixture(scope="module")
def imported(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    """The image, imported into four clouds at once, as a user does it. The clouds are the test's own."""
    directory = tmp_path_factory.mktemp("import")
    sandbox, vars_file, manifest = directory / "sandbox", directory / "sandbox.yml", directory / "manifest.json"
    with running(sandbox, vars_file, list(CLOUDS), operation_seconds=0.5, images=[image]):
        result = run_playbook(
            REPOSITORY / "playbooks/import_all.yml",
            home=directory,
            variables={"alpine_manifest_path": str(manifest)},
            vars_files=[vars_file],
        )
        assert manifest.exists(), result.stdout
        records = json.loads(manifest.read_text())["imports"]
        yield Imported(sandbox, {record["cloud"]: record for record in records}, result.stdout)


@pytest.fixture
def exported(cloud: str, imported: Imported, tmp_path: Path) -> Iterator[Path]:
    """The disk, read back from a cloud."""
    disk = tmp_path / "disk.raw"
    record = imported.manifest[cloud]
    assert "error" not in record, imported.output
    subprocess.run(
        [
            sys.executable, "-m", "tests.sandbox", "--directory", imported.sandbox,
            "export", "--cloud", cloud, "--id", record["id"], "--region", record["region"], "--output", disk,
        ],
        cwd=REPOSITORY,
        check=True,
    )  # fmt: skip
    yield disk
    disk.unlink()


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_imported_disk_is_the_source_and_boots(cloud: str, imported: Imported, exported: Path, image: Path) -> None:
    registered = _REGISTERED[cloud]
    assert imported.manifest[cloud]["firmware"] == registered.firmware
    assert_same_disk(image, exported, padded=registered.padded)
    for firmware, disk_bus in registered.boots:
        _assert_boots(exported, firmware, disk_bus, image.stem)
