# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.no_space import is_no_space, tells_no_space


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_file_systems_and_quotas(number: int) -> None:
    assert is_no_space(OSError(number, os.strerror(number)))
    assert tells_no_space(f"qemu-img: error while writing at byte 0: {os.strerror(number)}\n")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOENT, errno.EFBIG, None])
def test_other_failures(number: int | None) -> None:
    assert not is_no_space(OSError(number, "reason"))


@pytest.mark.parametrize("words", ["", "qemu-img: Input/output error", "No such file or directory"])
def test_other_words(words: str) -> None:
    assert not tells_no_space(words)
