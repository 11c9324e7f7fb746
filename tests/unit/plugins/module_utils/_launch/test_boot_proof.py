# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._launch.boot_proof import (
    boot_proof,
    boot_user_data,
    console_pattern,
)

_BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIACwh9lOaan8+aPdyztV7GjfSgtj/6ZcHIZ6Zp1S2Qx3"
_KEY = f"ssh-ed25519 {_BLOB} nobody"
_WORD = "k3v9x0q2"
_LINE = f"alpine-boot-test {_WORD} firmware=uefi arch=x86_64 key=yes"


def test_the_user_data_is_a_script_without_errors(tmp_path: Path) -> None:
    script = boot_user_data(_WORD, _KEY)
    assert script.startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    # Small enough for any cloud.
    assert len(script) < 2048


def test_the_script_says_what_the_pattern_waits_for(tmp_path: Path) -> None:
    keys, console = tmp_path / "authorized_keys", tmp_path / "console"
    keys.write_text(f"{_KEY}\n")
    script = boot_user_data(_WORD, _KEY).replace("/home/alpine/.ssh/authorized_keys", str(keys))
    script = script.replace("/dev/console", str(console)).replace("-c $console", "-n $console")
    subprocess.run(["sh"], input=script.replace("/dev/tty", f"{tmp_path}/tty"), text=True, check=True)
    found = re.search(console_pattern(_WORD, user_data=True), console.read_text())
    assert found
    proof = boot_proof(found[0])
    assert proof.pop("firmware") in ("bios", "uefi")
    assert proof.pop("architecture")
    assert proof == {"booted": True, "user_data_seen": True, "key_seen": True}


@pytest.mark.parametrize("word", ["", "short", "UPPERCASE", "two words", "k3v9x0q2'; reboot", "a" * 65])
def test_a_word_that_a_shell_could_take_for_more_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="word must have 8 to 64 lower-case letters and digits"):
        boot_user_data(word, _KEY)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"^public_key must begin"):
        boot_user_data(_WORD, "nonsense")


@pytest.mark.parametrize(
    "said",
    [
        f"{_LINE}\n",
        # A login prompt may stand before it.
        f"localhost login: {_LINE}\n",
    ],
)
def test_the_word_is_found_wherever_it_stands(said: str) -> None:
    assert re.search(console_pattern(_WORD, user_data=True), f"Welcome to Alpine\n{said}")


@pytest.mark.parametrize("said", [_LINE.replace(_WORD, "k3v9x0q3"), f"+ echo alpine-boot-test {_WORD} firmware"])
def test_another_word_and_the_script_itself_are_no_proof(said: str) -> None:
    assert not re.search(console_pattern(_WORD, user_data=True), said)


def test_what_the_machine_saw_is_told() -> None:
    assert boot_proof(_LINE) == {
        "booted": True,
        "firmware": "uefi",
        "architecture": "x86_64",
        "user_data_seen": True,
        "key_seen": True,
    }
    assert boot_proof(_LINE.replace("key=yes", "key=no"))["key_seen"] is False


@pytest.mark.parametrize(
    ("said", "architecture"),
    [
        ("[    2.1] EXT4-fs (vda2): mounted filesystem 4fa5 r/w with ordered data mode. Quota mode: none.", None),
        ("[    2.1] XFS (nvme0n1p2): Ending clean mount", None),
        ("[    1.2] Run /sbin/init as init process", None),
        ("   OpenRC 0.55.1 is starting up Linux 6.12.1-0-virt (x86_64)", "x86_64"),
        ("localhost login: ", None),
    ],
)
def test_without_anything_that_acts_on_user_data_kernel_and_init_are_the_proof(
    said: str, architecture: str | None
) -> None:
    pattern = re.compile(console_pattern(_WORD, user_data=False), re.MULTILINE)
    found = pattern.search(f"Booting `Alpine'\n{said}\n")
    assert found
    assert boot_proof(found[0]) == {
        "booted": True,
        "firmware": None,
        "architecture": architecture,
        "user_data_seen": None,
        "key_seen": None,
    }


@pytest.mark.parametrize(
    "said",
    [
        "Welcome to GRUB!\nBooting a command list\nNo bootable device.",
        # It may still find no root, and panic.
        "[    0.000000] Linux version 6.12.1-0-virt (buildozer@build) #1-Alpine SMP",
        "[    1.234567] Run /init as init process",
    ],
)
def test_what_may_still_fail_is_no_proof(said: str) -> None:
    assert not re.search(console_pattern(_WORD, user_data=False), f"{said}\n", re.MULTILINE)
