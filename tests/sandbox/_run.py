# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of one local cloud: ``python -m tests.sandbox._run`` is what the supervisor starts.

Every worker of the tests starts several of these: it imports no more than the cloud needs.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.sandbox._cloud import SERVICES, Cloud, Context
from tests.sandbox._control import Control
from tests.sandbox._faults import FaultBook
from tests.sandbox._https import HttpsServer
from tests.sandbox._request_log import RequestLog


def _create_cloud(context: Context) -> Cloud:
    # Imported by name, so that a cloud's process pays for its own libraries only.
    module = importlib.import_module(f"tests.sandbox._{context.name}")
    cloud: Cloud = module.create_cloud(context)
    return cloud


def run_cloud(name: str, root: Path, operation_seconds: float, images: Sequence[Path]) -> None:
    """Run one cloud until SIGTERM, or until the supervisor at the other end of stdin is gone."""
    log = RequestLog(root / "requests.jsonl", name)
    context = Context(
        name=name, root=root, operation_seconds=operation_seconds, log=log, faults=FaultBook(), images=images
    )
    cloud = _create_cloud(context)
    ended = threading.Event()
    # Ctrl-C reaches the whole process group: the supervisor decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_arguments: ended.set())

    def watch_supervisor() -> None:
        # Not through sys.stdin: its lock, held by a daemon thread, aborts the interpreter's shutdown.
        while os.read(0, 4096):
            pass
        ended.set()

    threading.Thread(target=watch_supervisor, daemon=True).start()
    variables = cloud.start()
    control = HttpsServer(Control(cloud), certificates=root)
    control.start()
    state = {"pid": os.getpid(), "control": control.url, "vars": variables}
    ready = root / f"{name}.json"
    partial = ready.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(state))
    partial.rename(ready)
    gc.freeze()
    gc.enable()
    ended.wait()
    cloud.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cloud", choices=SERVICES)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--operation-seconds", type=float, required=True)
    parser.add_argument("--image", type=Path, action="append", default=[])
    arguments = parser.parse_args()
    # What is made while starting stays to the end: looking through it for garbage is in vain.
    gc.disable()
    run_cloud(arguments.cloud, arguments.directory, arguments.operation_seconds, arguments.image)
    # Taking all that apart again would cost a third of what the start has cost.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
