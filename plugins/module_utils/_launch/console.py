# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine prints on its serial console."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from .._core.errors import InputError, ProviderError
from .._core.wait import Wait

# Colours, cursor movements and the like (ECMA-48, section 5.4), which firmware and boot loaders print, and what else
# is no text.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")
# What is said last by a machine that does not start: Linux (kernel/panic.c), before it stands still or starts again;
# EDK II (BdsDxe/BdsEntry.c) that finds nothing to boot, or goes to its shell for want of it; SeaBIOS (src/boot.c).
_LAST_WORDS = re.compile(
    r"Kernel panic - not syncing[^\n]*(?=\n)"
    r"|BdsDxe: No bootable option or device was found"
    r"|UEFI Interactive Shell v\d[.\d]*(?=\n)"
    r"|No bootable device"
)
_LINES_IN_MESSAGE = 12
_LINES_IN_RESULT = 100


def plain_text(console: bytes | str) -> str:
    """The text of a console, without control sequences and in lines that end in ``\\n``."""
    text = console.decode("utf-8", "replace") if isinstance(console, bytes) else console
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def last_lines(text: str, count: int) -> str:
    """The last ``count`` lines that are not blank."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-count:])


@dataclasses.dataclass(frozen=True)
class ConsoleText:
    """What a console has said."""

    text: str
    match: str | None
    """What the pattern has matched; ``None`` where none was given."""
    seconds: float
    """How long it was waited for."""

    def as_result(self) -> dict[str, Any]:
        return {"console": self.text, "console_match": self.match, "console_seconds": round(self.seconds, 1)}


NO_CONSOLE: dict[str, Any] = {"console": None, "console_match": None, "console_seconds": None}
"""The same keys for who has not asked for it."""


@dataclasses.dataclass(frozen=True)
class ConsoleRequest:
    """What the options ask for."""

    wanted: bool
    pattern: re.Pattern[str] | None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ConsoleRequest:
        """:raises InputError: when ``console_pattern`` is no regular expression."""
        pattern = params["console_pattern"]
        try:
            compiled = None if pattern is None else re.compile(pattern, re.MULTILINE)
        except re.error as error:
            raise InputError(f"console_pattern {pattern!r} is no regular expression: {error}") from error
        return cls(params["console"] or compiled is not None, compiled)

    def read(
        self, name: str, console: Callable[[], bytes | str], wait: Wait, *, ended: Callable[[], str | None]
    ) -> ConsoleText:
        """Read the console, once or until it says what is waited for.

        :param name: of the machine.
        :param console: gives all that it has said.
        :param ended: tells the machine's state once it does not run any more, and ``None`` as long as it does.
        :raises ProviderError: when that does not come in time, or the machine ends before, or says that it does not
            start; with the last lines.
        """
        if self.pattern is None:
            return ConsoleText(plain_text(console()), None, 0)
        began = time.monotonic()
        while True:
            # In this order: what it has said before it ended must not be missed.
            state = ended()
            text = plain_text(console())
            waited = time.monotonic() - began
            found = self.pattern.search(text)
            # Only what comes later counts: it may have started after all.
            last = _LAST_WORDS.search(text, 0 if found is None else found.end())
            if last is not None:
                raise _silent(name, self.pattern.pattern, text, f"it ended in {last[0]!r}")
            if found is not None:
                return ConsoleText(text, found[0], waited)
            if state is not None:
                raise _silent(name, self.pattern.pattern, text, f"it is {state}")
            if waited >= wait.timeout:
                raise _silent(name, self.pattern.pattern, text, f"waited {wait.timeout:g} seconds (wait_timeout)")
            time.sleep(min(wait.interval, wait.timeout - waited))


def _silent(name: str, pattern: str, text: str, why: str) -> ProviderError:
    said = last_lines(text, _LINES_IN_MESSAGE)
    last = f"The last lines on its console:\n{said}" if said else "There is nothing on its console."
    return ProviderError(
        f"{name} has not said {pattern!r} on its console: {why}. {last}",
        operation="console",
        details={"console": last_lines(text, _LINES_IN_RESULT)},
    )
