# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    InputError,
    ProviderError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import Wait
from ansible_collections.alpine.cloud.plugins.module_utils._launch.console import (
    ConsoleRequest,
    ConsoleText,
    last_lines,
    plain_text,
)

_BOOT = "\x1b[2J\x1b[01;01H\x1b[=3hWelcome to GRUB!\r\n\r\n\x1b[0m\x1b[37m\x1b[40mready\r\n"


def request(pattern: str | None = None, *, console: bool = False) -> ConsoleRequest:
    return ConsoleRequest.from_params({"console": console, "console_pattern": pattern})


def read(asked: ConsoleRequest, *texts: str, timeout: float = 60, ended: str | None = None) -> ConsoleText:
    """Of a machine that says one text after the other, and does not run any more once it says the last."""
    said = [*texts]

    def console() -> str:
        return said.pop(0) if len(said) > 1 else said[0]

    return asked.read("Machine m", console, Wait(True, timeout, 0), ended=lambda: ended if len(said) == 1 else None)


class TestText:
    def test_control_sequences_are_left_out(self) -> None:
        assert plain_text(_BOOT.encode()) == "Welcome to GRUB!\n\nready\n"

    def test_what_is_no_utf_8_does_not_stop_it(self) -> None:
        assert plain_text(b"caf\xe9 \xff ok\n") == "caf\ufffd \ufffd ok\n"

    def test_the_last_lines_are_those_that_say_something(self) -> None:
        assert last_lines("one\n\ntwo  \n   \nthree\n\n", 2) == "two\nthree"
        assert last_lines("", 2) == ""


class TestRequest:
    @pytest.mark.parametrize(
        ("pattern", "console", "wanted"), [(None, False, False), (None, True, True), ("ready", False, True)]
    )
    def test_a_pattern_implies_the_console(self, pattern: str | None, console: bool, wanted: bool) -> None:
        assert request(pattern, console=console).wanted == wanted

    def test_what_is_no_expression_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"console_pattern '\(' is no regular expression: missing \)"):
            request("(")


class TestReading:
    def test_without_a_pattern_it_is_read_once(self) -> None:
        text = read(request(console=True), "one\n", "two\n")
        assert (text.text, text.match) == ("one\n", None)

    def test_it_is_read_until_it_says_what_is_waited_for(self) -> None:
        text = read(request(r"^ready$"), "", "not ready\n", _BOOT)
        assert text.match == "ready"
        assert text.as_result().keys() == {"console", "console_match", "console_seconds"}
        assert text.as_result()["console"] == plain_text(_BOOT)

    def test_what_it_says_last_counts_though_it_has_ended(self) -> None:
        assert read(request("ready"), "", "ready\n", ended="terminated").match == "ready"

    def test_the_end_of_the_machine_ends_the_waiting(self) -> None:
        with pytest.raises(ProviderError) as caught:
            read(request("ready"), "", "Kernel panic\n", ended="terminated")
        assert caught.value.message == (
            "Machine m has not said 'ready' on its console: it is terminated. The last lines on its console:\n"
            "Kernel panic"
        )

    def test_a_panic_ends_the_waiting_and_is_told_whatever_follows(self) -> None:
        panic = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
        trace = "".join(f"[    2.1] register {number}\n" for number in range(40))
        with pytest.raises(ProviderError) as caught:
            read(request("ready"), "", f"[    2.0] {panic}\n{trace}", f"{panic}\nready\n")
        assert f"on its console: it ended in '{panic}'. The last lines" in caught.value.message
        assert "register 39" in caught.value.message
        assert "register 10" not in caught.value.message

    @pytest.mark.parametrize(
        ("console", "told"),
        [
            (
                'BdsDxe: failed to load Boot0001 "UEFI Misc Device": Not Found\n'
                "BdsDxe: No bootable option or device was found.\n"
                "BdsDxe: Press any key to enter the Boot Manager Menu.\n",
                "BdsDxe: No bootable option or device was found",
            ),
            ("\x1b[01;01HUEFI Interactive Shell v2.2\r\nEDK II\r\n", "UEFI Interactive Shell v2.2"),
            ("Boot failed: not a bootable disk\n\nNo bootable device.\n", "No bootable device"),
        ],
    )
    def test_a_firmware_that_finds_nothing_ends_the_waiting(self, console: str, told: str) -> None:
        with pytest.raises(ProviderError, match=f"it ended in '{told}'"):
            read(request("ready"), "", console)

    def test_who_panics_after_the_match_has_not_started(self) -> None:
        with pytest.raises(ProviderError, match="it ended in 'Kernel panic"):
            read(request("ready"), "ready\nKernel panic - not syncing: VFS\n")

    def test_who_starts_after_a_panic_has_started(self) -> None:
        assert read(request("ready"), "Kernel panic - not syncing: VFS\nready\n").match == "ready"

    def test_a_panic_is_told_in_whole(self) -> None:
        with pytest.raises(ProviderError, match=r"'Kernel panic - not syncing: VFS'\. The last"):
            read(request("ready"), "Kernel panic - not syncing", "Kernel panic - not syncing: VFS\n")

    def test_who_waits_for_a_panic_gets_it(self) -> None:
        assert read(request("panic"), "", "Kernel panic - not syncing: VFS\n").match == "panic"

    def test_the_time_is_bounded(self) -> None:
        lines = "".join(f"line {number}\n" for number in range(200))
        with pytest.raises(ProviderError, match=r"waited 0\.1 seconds \(wait_timeout\)") as caught:
            read(request("ready"), lines, timeout=0.1)
        assert "line 199" in caught.value.message
        assert "line 150" not in caught.value.message
        assert caught.value.details["console"].splitlines()[0] == "line 100"

    def test_silence_is_told(self) -> None:
        with pytest.raises(ProviderError, match="There is nothing on its console"):
            read(request("ready"), "", timeout=0.1)

    def test_the_last_wait_is_as_long_as_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []
        module = "ansible_collections.alpine.cloud.plugins.module_utils._launch.console.time"
        monkeypatch.setattr(f"{module}.sleep", slept.append)
        monkeypatch.setattr(f"{module}.monotonic", lambda: sum(slept))
        with pytest.raises(ProviderError):
            request("ready").read("m", lambda: "", Wait(True, 12, 5), ended=lambda: None)
        assert slept == [5, 5, 2]
