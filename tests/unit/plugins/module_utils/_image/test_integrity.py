# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._image.integrity import check_integrity, check_unchanged
from ansible_collections.alpine.cloud.plugins.module_utils._image.source import identify_source
from tests.support.partitioned import UEFI_DISK
from tests.unit.plugins.module_utils._image.conversions import to_qcow2

_CLUSTER = 64 * 1024


class TestIntegrity:
    def test_a_sound_image_passes(self, qcow2: Path, raw: Path) -> None:
        check_integrity(identify_source(qcow2))
        check_integrity(identify_source(raw))

    def test_leaked_clusters_do_no_harm(self, qcow2: Path) -> None:
        # An L2 entry of zero leaks the cluster that it stood for.
        l1_offset = struct.unpack_from(">Q", qcow2.read_bytes(), 40)[0]
        content = bytearray(qcow2.read_bytes())
        l2_offset = struct.unpack_from(">Q", content, l1_offset)[0] & 0x00FF_FFFF_FFFF_FE00
        content[l2_offset : l2_offset + 8] = bytes(8)
        qcow2.write_bytes(content)
        check_integrity(identify_source(qcow2))

    def test_contradicting_tables_are_refused(self, qcow2: Path) -> None:
        content = bytearray(qcow2.read_bytes())
        refcount_table = struct.unpack_from(">Q", content, 48)[0]
        refcount_block = struct.unpack_from(">Q", content, refcount_table)[0]
        content[refcount_block : refcount_block + 64] = bytes(64)
        qcow2.write_bytes(content)
        with pytest.raises(InputError, match=f"src {qcow2} is damaged, get the image again: qemu-img check failed"):
            check_integrity(identify_source(qcow2))

    def test_the_last_cluster_is_decompressed(self, raw: Path) -> None:
        raw.write_bytes(UEFI_DISK + b"".join(b"%d " % n for n in range(150_000))[: 8 * _CLUSTER])
        qcow2 = to_qcow2(raw, "-c")
        source = identify_source(qcow2)
        assert source.last_content == len(UEFI_DISK) + 7 * _CLUSTER
        check_integrity(source)
        # The tables cannot tell what is missing of the last sector.
        content = qcow2.read_bytes().rstrip(b"\0")
        qcow2.write_bytes(content[:-10].ljust(len(content), b"\xff"))
        with pytest.raises(InputError, match="damaged at its end, get the image again"):
            check_integrity(identify_source(qcow2))

    def test_a_change_is_noticed(self, qcow2: Path) -> None:
        source = identify_source(qcow2)
        check_unchanged(source)
        os.utime(qcow2, ns=(0, 0))
        with pytest.raises(InputError, match=f"src {qcow2} changed while it was read"):
            check_unchanged(source)
