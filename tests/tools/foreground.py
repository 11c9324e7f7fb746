# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command so that the terminal's Ctrl-C reaches it alone, and not make, which would end with an error of its own.

``python -m tests.tools.foreground COMMAND ARGUMENT…`` ends with the command's exit code. Signals sent to it are passed
on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType


def _has_terminal() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _take_terminal() -> None:
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, before)


def main() -> int:
    command = sys.argv[1:]
    if not _has_terminal():
        os.execvp(command[0], command)
    process = subprocess.Popen(command, process_group=0, preexec_fn=_take_terminal)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    code = process.wait()
    _take_terminal()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
