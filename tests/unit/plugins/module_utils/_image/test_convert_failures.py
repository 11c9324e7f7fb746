# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever fails, nothing is left that the next run would trust."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.programs import ProgramError
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB
from ansible_collections.alpine.cloud.plugins.module_utils._image import writers
from ansible_collections.alpine.cloud.plugins.module_utils._image.convert import (
    ConversionRequest,
)
from ansible_collections.alpine.cloud.plugins.module_utils._image.writers import (
    FILE_NAMES,
    ConversionError,
    DiskFormat,
)
from tests.unit.plugins.module_utils._image.conversions import nothing_kept, run


def test_no_such_file(tmp_path: Path, work_dir: Path) -> None:
    with pytest.raises(InputError, match=f"^src {tmp_path / 'missing'}: no such file"):
        run(ConversionRequest(str(tmp_path / "missing"), "fixed_vhd", work_dir))
    assert not work_dir.exists()


def test_a_truncated_disk(raw: Path, work_dir: Path) -> None:
    os.truncate(raw, MIB)
    with pytest.raises(InputError, match=f"^src {raw}: partition 3 ends at byte .*, but the disk at {MIB}: "):
        run(ConversionRequest(str(raw), "fixed_vhd", work_dir))
    assert nothing_kept(work_dir)


def test_a_damaged_image(qcow2: Path, work_dir: Path, stand_in: Path) -> None:
    stand_in.write_text('#!/bin/sh\n[ "$1" = check ] && echo "ERROR: refcount" >&2 && exit 2\nexec "$REAL" "$@"\n')
    with pytest.raises(InputError, match=r"is damaged, get the image again: .*ERROR: refcount"):
        run(ConversionRequest(str(qcow2), "fixed_vhd", work_dir))
    assert nothing_kept(work_dir)


@pytest.mark.parametrize("image_format", FILE_NAMES)
def test_a_disk_that_comes_out_different(
    qcow2: Path, work_dir: Path, image_format: DiskFormat, monkeypatch: pytest.MonkeyPatch, stand_in: Path
) -> None:
    # The converter writes one byte that is not the source's: into the raw disk that the tar file is made of, too.
    stand_in.write_text(
        '#!/bin/sh\n"$REAL" "$@" || exit\n'
        '[ "$1" = convert ] && [ "$2" != --image-opts ] || exit 0\n'
        'for file in "$@"; do :; done\n'
        'case "$*" in *"-O vpc"*) format=vpc;; *"-O qcow2"*) format=qcow2;; *) format=raw;; esac\n'
        'exec qemu-io -f $format -c "write -P 85 4096 512" "$file" >/dev/null\n'
    )
    with pytest.raises(ConversionError, match=f"converted to {image_format} differs from that of src {qcow2}"):
        run(ConversionRequest(str(qcow2), image_format, work_dir))
    assert nothing_kept(work_dir)


def test_a_tar_file_that_comes_out_different(raw: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "write_gce_tar", lambda _raw, target: target.write_bytes(b""))
    monkeypatch.setattr(writers, "compare_gce_tar", lambda target, _raw: target.stat().st_size > 0)
    with pytest.raises(ConversionError, match="converted to gce_tar differs"):
        run(ConversionRequest(str(raw), "gce_tar", work_dir))
    assert nothing_kept(work_dir)


def test_verification_can_be_left_out(qcow2: Path, work_dir: Path, stand_in: Path) -> None:
    stand_in.write_text('#!/bin/sh\n[ "$1" = compare ] && exit 1\nexec "$REAL" "$@"\n')
    request = ConversionRequest(str(qcow2), "fixed_vhd", work_dir)
    with pytest.raises(ConversionError):
        run(request)
    assert run(dataclasses.replace(request, verify=False))["changed"]


def test_a_comparison_that_fails_is_no_difference(qcow2: Path, work_dir: Path, stand_in: Path) -> None:
    stand_in.write_text('#!/bin/sh\n[ "$1" = compare ] && echo broken >&2 && exit 2\nexec "$REAL" "$@"\n')
    with pytest.raises(ProgramError, match="qemu-img compare failed: broken"):
        run(ConversionRequest(str(qcow2), "fixed_vhd", work_dir))
    assert nothing_kept(work_dir)


def test_qemu_img_has_the_last_word(qcow2: Path, work_dir: Path, stand_in: Path) -> None:
    stand_in.write_text(
        '#!/bin/sh\n[ "$1 $2" = "convert -c" ] && echo "qemu-img: reason" >&2 && exit 1\nexec "$REAL" "$@"\n'
    )
    with pytest.raises(ProgramError, match="qemu-img convert failed: qemu-img: reason"):
        run(ConversionRequest(str(qcow2), "qcow2", work_dir))


def test_a_directory_that_fills_up(raw: Path, work_dir: Path, stand_in: Path) -> None:
    stand_in.write_text(
        '#!/bin/sh\n[ "$1" = convert ] && echo "error while writing: No space left on device" >&2 && exit 1\n'
        'exec "$REAL" "$@"\n'
    )
    with pytest.raises(InputError, match=f"^work_dir {work_dir} cannot be used: it is full"):
        run(ConversionRequest(str(raw), "fixed_vhd", work_dir))
    assert nothing_kept(work_dir)


@pytest.mark.parametrize(
    ("image_format", "copies"), [("fixed_vhd", 1), ("dynamic_vhd", 1), ("qcow2", 1), ("gce_tar", 2)]
)
def test_a_directory_that_is_too_small_from_the_start(
    qcow2: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch, image_format: DiskFormat, copies: int
) -> None:
    free = 0
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": free}))
    with pytest.raises(InputError, match=r"^work_dir .*: \d+ MiB are needed there, but 0 MiB are free"):
        run(ConversionRequest(str(qcow2), image_format, work_dir))
    # Room for the content as often as it is written, and some to spare; the holes take none.
    free = copies * MIB + 16 * MIB
    assert run(ConversionRequest(str(qcow2), image_format, work_dir))["changed"]


def test_a_source_that_changes_meanwhile(raw: Path, work_dir: Path, stand_in: Path) -> None:
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = compare ] && touch -d @1 {raw}\nexec "$REAL" "$@"\n')
    with pytest.raises(InputError, match=f"^src {raw} changed while it was read"):
        run(ConversionRequest(str(raw), "fixed_vhd", work_dir))
    assert nothing_kept(work_dir)
