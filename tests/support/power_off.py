# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that say a word and, once their user asks for it, power themselves off."""

from __future__ import annotations

from tests.support.cloud import Cloud
from tests.support.login import KeyFile

USER_DATA = """\
#!/bin/sh
[ -d /sys/firmware/efi ] && f=uefi || f=bios
echo word $f $(uname -m) >/dev/console
until [ -e /home/alpine/power-off ]; do sleep 1; done
echo o >/proc/sysrq-trigger
"""


def assert_its_end_is_told(
    machine: Cloud, module: str, login: KeyFile, address: str, *, reads_console: str, state: str
) -> None:
    """Power it off while its console is waited for: that is told, and afterwards it is left alone.

    :param reads_console: the operation by which the module does.
    :param state: what the cloud calls a machine that is off.
    """
    start = machine.mark()
    waiting = machine.start(module, console_pattern="never-said", wait_timeout=60)
    machine.until(reads_console, start)
    login.run(machine.sandbox.directory, address, "touch power-off")
    ended = waiting.result()
    assert f"has not said 'never-said' on its console: it is {state}. The last lines" in ended["msg"]
    assert "ALPINE-CLOUD-BOOT-OK" in ended["failure"]["details"]["console"]
    start = machine.mark()
    assert f"is {state}: start it, or remove it first (state absent)" in machine.fails(module).msg
    assert machine.writes(start) == []
