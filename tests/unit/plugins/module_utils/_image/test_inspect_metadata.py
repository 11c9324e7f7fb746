# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from tests.support.partitioned import (
    HYBRID_DISK,
    UEFI_DISK,
)
from tests.unit.plugins.module_utils._image.inspections import NAME, inspect_image, qcow2


def test_metadata_is_found_next_to_the_image(tmp_path: Path) -> None:
    path = qcow2(tmp_path, HYBRID_DISK)
    (tmp_path / f"{NAME}.yaml").write_text("release: 3.24.2\nrevision: '0'\nend_of_life: 2028-05-01T00:00:00\n")
    found = inspect_image(path)["metadata"]
    assert (found["release"], found["revision"], found["end_of_life"]) == ("3.24.2", 0, "2028-05-01")
    assert (found["architecture"], found["firmware"]) == (None, None)


def test_metadata_names_an_image_whose_file_is_named_otherwise(tmp_path: Path) -> None:
    path = qcow2(tmp_path, HYBRID_DISK, "disk")
    metadata = tmp_path / "other.yaml"
    metadata.write_text(f"name: generic_{NAME}\n")
    assert inspect_image(path)["image"] is None
    assert inspect_image(path, metadata_path=metadata)["image"]["name"] == NAME


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("release: 3.24.1", "release is 3.24.1 there and 3.24.2 in the name"),
        ("{revision: 3, arch: aarch64}", "revision is 3 there and 0 in the name, architecture is aarch64 there"),
        ("bootstrap: cloudinit", "bootstrap is cloudinit there and tiny in the name"),
    ],
)
def test_metadata_may_not_contradict_the_name(tmp_path: Path, text: str, words: str) -> None:
    path = qcow2(tmp_path, HYBRID_DISK)
    path.with_suffix(".yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        inspect_image(path)
    assert caught.value.message.startswith(f"name {NAME} and the image's metadata contradict each other: {words}")


def test_metadata_yields_to_the_disk(tmp_path: Path) -> None:
    path = qcow2(tmp_path, UEFI_DISK)
    path.with_suffix(".yaml").write_text("firmware: bios")
    warnings: list[str] = []
    assert inspect_image(path, warn=warnings.append)["firmware"] == "uefi"
    assert warnings == [f"The metadata of {path} says that it boots by bios, but its disk boots by uefi"]


def test_metadata_of_a_disk_that_boots_by_either_is_right_in_any_case(tmp_path: Path) -> None:
    path = qcow2(tmp_path, HYBRID_DISK)
    path.with_suffix(".yaml").write_text("firmware: bios")
    assert inspect_image(path, warn=pytest.fail)["firmware"] == "hybrid"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>: [", "this is no YAML"),
        (b"- a list", "this is no YAML mapping"),
        (b"", "this is no YAML mapping"),
        (b"end: 2028-99-99", "this is no YAML"),
        (b"#" * (300 << 10), "is larger than 256 KiB"),
    ],
)
def test_metadata_that_is_odd_is_passed_over_unless_it_is_given(tmp_path: Path, content: bytes, reason: str) -> None:
    path = qcow2(tmp_path, HYBRID_DISK)
    metadata = path.with_suffix(".yaml")
    metadata.write_bytes(content)
    warnings: list[str] = []
    assert inspect_image(path, warn=warnings.append)["metadata"] is None
    assert len(warnings) == 1
    assert reason in warnings[0]
    with pytest.raises(InputError, match=reason):
        inspect_image(path, metadata_path=metadata)


def test_metadata_that_is_given_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="metadata /nowhere: No such file"):
        inspect_image(qcow2(tmp_path, HYBRID_DISK), metadata_path=Path("/nowhere"))


def test_metadata_that_says_odd_things_says_nothing(tmp_path: Path) -> None:
    path = qcow2(tmp_path, HYBRID_DISK)
    path.with_suffix(".yaml").write_text("{release: [3], revision: many, arch: 64, end_of_life: soon, name: 1}")
    assert set(inspect_image(path)["metadata"].values()) == {None}
