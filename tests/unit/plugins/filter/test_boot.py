# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.alpine.cloud.plugins.filter.boot_pattern import boot_pattern
from ansible_collections.alpine.cloud.plugins.filter.boot_proof import boot_proof
from ansible_collections.alpine.cloud.plugins.filter.boot_user_data import boot_user_data

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIACwh9lOaan8+aPdyztV7GjfSgtj/6ZcHIZ6Zp1S2Qx3 nobody"


def test_word_pattern_and_proof_belong_together() -> None:
    assert "k3v9x0q2" in boot_user_data("k3v9x0q2", _KEY)
    said = "alpine-boot-test k3v9x0q2 firmware=bios arch=x86_64 key=no"
    assert re.search(boot_pattern("k3v9x0q2"), said)
    assert boot_proof(said)["firmware"] == "bios"


def test_without_user_data_its_init_is_waited_for() -> None:
    assert re.search(
        boot_pattern("k3v9x0q2", user_data=False), "OpenRC 0.55.1 is starting up Linux 6.12.1-0-virt (x86_64)"
    )


def test_a_word_that_is_none_is_an_error_of_the_filter() -> None:
    with pytest.raises(AnsibleFilterError, match="word must have 8 to 64"):
        boot_user_data("no", _KEY)
