# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a machine proves that it has started: user data that says a word on its console, and what that shows.

Without Tiny Cloud or cloud-init in the image nobody acts on user data: then what kernel and init say themselves is the
proof.
"""

from __future__ import annotations

import re
from typing import Any

from .._core.errors import InputError
from .public_key import SshPublicKey

MARK = "alpine-boot-test"
"""What the line begins with."""

_WORD = re.compile(r"[a-z0-9]{8,64}")
_LINE = re.compile(rf"{MARK} (?P<word>\S+) firmware=(?P<firmware>\S+) arch=(?P<architecture>\S+) key=(?P<key>\S+)")
_OPENRC = r"OpenRC \d\S* is starting up Linux \S+ \((?P<architecture>\S+)\)"
# Not the kernel's version or its initramfs (`Run /init`), after which it may still panic for want of a root.
_STARTED = (
    r"(?:EXT4-fs|XFS) \(\S+\): (?:mounted filesystem|Ending clean mount)"
    r"|Run /\S+/\S*init as init process"
    rf"|{_OPENRC}"
    r"|^\S+ login: "
)

# Tiny Cloud and cloud-init may write the key after the user data has begun to run. The console of the firmware's choice
# is not always the one that the cloud shows.
_SCRIPT = """\
#!/bin/sh
firmware=bios
[ ! -d /sys/firmware/efi ] || firmware=uefi
key=no
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    if grep -qsF '{blob}' /home/alpine/.ssh/authorized_keys; then
        key=yes
        break
    fi
    sleep 1
done
for console in /dev/console /dev/ttyS0 /dev/ttyAMA0; do
    [ ! -c $console ] || echo "{mark} {word} firmware=$firmware arch=$(uname -m) key=$key" >$console
done
"""


def boot_user_data(word: str, public_key: str) -> str:
    """User data that has a machine say ``word``, how it has started, and whether ``alpine`` has got the key.

    :param word: letters and digits that nobody knows before.
    :param public_key: of the key that the machine is launched with.
    :raises InputError: when one of them is none.
    """
    if not _WORD.fullmatch(word):
        raise InputError(f"word must have 8 to 64 lower-case letters and digits, got {word!r}")
    return _SCRIPT.format(blob=SshPublicKey.parse(public_key, "public_key").blob, mark=MARK, word=word)


def console_pattern(word: str, *, user_data: bool) -> str:
    """What to wait for on the console.

    :param user_data: whether anything in the image acts on user data.
    """
    return rf"{MARK} {word} firmware=\S+ arch=\S+ key=\S+" if user_data else _STARTED


def boot_proof(matched: str) -> dict[str, Any]:
    """What is proved by what :func:`console_pattern` has matched."""
    found = _LINE.search(matched)
    if found is None:
        openrc = re.search(_OPENRC, matched)
        return {
            "booted": True,
            "firmware": None,
            "architecture": openrc and openrc["architecture"],
            "user_data_seen": None,
            "key_seen": None,
        }
    return {
        "booted": True,
        "firmware": found["firmware"],
        "architecture": found["architecture"],
        "user_data_seen": True,
        "key_seen": found["key"] == "yes",
    }
