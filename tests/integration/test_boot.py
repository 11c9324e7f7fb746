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

from tests.image import NEWEST, Arch, ImageSpec, build_image
from tests.sandbox._cloud import SERVICES
from tests.sandbox._supervisor import running
from tests.support.boot import boot
from tests.support.compare import PADDING_CLOUDS, assert_same_disk
from tests.support.paths import REPOSITORY
from tests.support.playbook import run_playbook
from tests.support.qemu import DiskBus, Firmware


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[Arch, Path]:
    directory = tmp_path_factory.mktemp("image")
    return {arch: build_image(spec, directory) for arch, spec in NEWEST.items()}


@pytest.fixture(scope="module")
def image(images: dict[Arch, Path]) -> Path:
    return images["x86_64"]


def _assert_boots(disk: Path, arch: Arch, firmware: Firmware, disk_bus: DiskBus, name: str) -> None:
    log = boot(disk, arch=arch, firmware=firmware, disk_bus=disk_bus)
    assert (log.image, log.firmware, log.arch) == (name, firmware, arch)


def test_booting_leaves_the_image_as_it_is(image: Path) -> None:
    before = image.read_bytes()
    # Under what no cloud in _REGISTERED boots it.
    _assert_boots(image, "x86_64", "bios", "virtio-scsi", image.stem)
    assert image.read_bytes() == before


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_image_of_one_firmware_boots(firmware: Firmware, tmp_path: Path) -> None:
    image = build_image(ImageSpec(firmware), tmp_path)
    _assert_boots(image, "x86_64", firmware, "virtio-blk", image.stem)


def test_no_machine_has_a_firmware_that_its_architecture_lacks(image: Path) -> None:
    with pytest.raises(ValueError, match="no aarch64 machines with bios"):
        boot(image, arch="aarch64", firmware="bios")


def test_a_machine_that_needs_too_long_is_stopped(image: Path) -> None:
    with pytest.raises(AssertionError, match=r"\.qcow2 \(x86_64, uefi, nvme\) has not started"):
        boot(image, firmware="uefi", disk_bus="nvme", timeout=0.5)


def test_a_machine_that_ends_tells_why(tmp_path: Path) -> None:
    odd = tmp_path / "odd.raw"
    odd.write_bytes(b"QFI\xfb" + bytes(508))
    with pytest.raises(AssertionError, match=r"serial console:\n.*qcow"):
        boot(odd, firmware="bios")


@dataclasses.dataclass(frozen=True)
class Registered:
    """How a cloud registers an image, and what its machines therefore are."""

    firmware: str
    """As the manifest has it."""
    boots: tuple[tuple[Firmware, DiskBus], ...]


_REGISTERED: dict[tuple[str, Arch], Registered] = {
    ("aws", "x86_64"): Registered("hybrid", (("uefi", "nvme"), ("bios", "virtio-blk"))),
    ("aws", "aarch64"): Registered("uefi", (("uefi", "nvme"),)),
    ("azure", "x86_64"): Registered("uefi", (("uefi", "nvme"),)),
    ("azure", "aarch64"): Registered("uefi", (("uefi", "nvme"),)),
    ("gcp", "x86_64"): Registered("uefi", (("uefi", "virtio-scsi"),)),
    ("gcp", "aarch64"): Registered("uefi", (("uefi", "virtio-scsi"),)),
    ("oci", "x86_64"): Registered("uefi", (("uefi", "virtio-blk"),)),
    ("oci", "aarch64"): Registered("uefi", (("uefi", "virtio-blk"),)),
}


@dataclasses.dataclass(frozen=True)
class Imported:
    """The clouds after import_all, and what it wrote down."""

    sandbox: Path
    manifest: dict[tuple[str, Arch], dict[str, Any]]
    """By cloud and architecture."""
    output: str


@pytest.fixture(scope="module")
def imported(images: dict[Arch, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    """The images, imported by release into four clouds at once, as a user does it. The clouds are the test's own."""
    directory = tmp_path_factory.mktemp("import")
    sandbox, vars_file, manifest = directory / "sandbox", directory / "sandbox.yml", directory / "manifest.json"
    with running(sandbox, vars_file, list(SERVICES), operation_seconds=0.5, images=list(images.values())):
        result = run_playbook(
            REPOSITORY / "playbooks/import_all.yml",
            home=directory,
            variables={"alpine_manifest_path": str(manifest)},
            vars_files=[vars_file],
        )
        assert manifest.exists(), result.stdout
        records = json.loads(manifest.read_text())["imports"]
        arches = {image.stem: arch for arch, image in images.items()}
        yield Imported(
            sandbox, {(record["cloud"], arches[record["image"]]): record for record in records}, result.stdout
        )


@pytest.fixture
def exported(cloud: str, arch: Arch, imported: Imported, tmp_path: Path) -> Iterator[Path]:
    """The disk, read back from a cloud."""
    disk = tmp_path / "disk.raw"
    record = imported.manifest[cloud, arch]
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


@pytest.mark.parametrize(("cloud", "arch"), _REGISTERED)
def test_the_imported_disk_is_the_source_and_boots(
    cloud: str, arch: Arch, imported: Imported, exported: Path, images: dict[Arch, Path]
) -> None:
    record, registered = imported.manifest[cloud, arch], _REGISTERED[cloud, arch]
    assert (record["firmware"], record["architecture"]) == (registered.firmware, arch)
    assert_same_disk(images[arch], exported, padded=cloud in PADDING_CLOUDS)
    for firmware, disk_bus in registered.boots:
        _assert_boots(exported, arch, firmware, disk_bus, images[arch].stem)
