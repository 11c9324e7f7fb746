# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four clouds and a mirror on loopback: ``python -m tests.sandbox serve|stop|export|fault``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.sandbox._cloud import SERVICES
from tests.sandbox._faults import DROPS, HOLDS
from tests.sandbox._supervisor import Sandbox, SandboxError, serve

_DIRECTORY = Path("build/sandbox")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    parser.add_argument("--directory", type=Path, default=_DIRECTORY, help="where it keeps its state (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("serve", help="run until Ctrl-C")
    command.add_argument("--vars", type=Path, help="the vars file to write (DIRECTORY with .yml)")
    command.add_argument(
        "--image", type=Path, action="append", default=[], help="an image for alpine_images there, and for the mirror"
    )
    command.add_argument(
        "--integration-config", type=Path, help="the file to write for the targets of ansible-test integration"
    )
    command.add_argument("--clouds", nargs="+", choices=SERVICES, default=list(SERVICES))
    command.add_argument(
        "--operation-seconds", type=float, default=1.0, help="how long asynchronous operations take (%(default)s)"
    )

    command = commands.add_parser("stop", help="stop one cloud, or the whole sandbox")
    command.add_argument("--cloud", choices=SERVICES)

    command = commands.add_parser("export", help="read an imported disk back, as raw")
    command.add_argument("--cloud", choices=SERVICES, required=True)
    command.add_argument("--id", required=True)
    command.add_argument("--region")
    command.add_argument("--output", type=Path, required=True)

    command = commands.add_parser("fault", help="order a fault, list or clear them")
    command.add_argument("--cloud", choices=SERVICES, required=True)
    command.add_argument("--service", default="*", help="shell pattern over the service (%(default)s)")
    command.add_argument("--operation", default="*", help="shell pattern over the operation (%(default)s)")
    command.add_argument("--nth", type=int, default=1, help="strike from the n-th matching request on (%(default)s)")
    command.add_argument("--count", type=int, default=1, help="how many times (%(default)s)")
    kind = command.add_mutually_exclusive_group(required=True)
    kind.add_argument("--status", type=int, help="answer with this HTTP status")
    kind.add_argument("--drop", choices=DROPS, help="close the connection before or after acting, or amid the answer")
    kind.add_argument("--delay", type=float, help="wait this many seconds first")
    kind.add_argument("--fail", help="let the asynchronous operation end in failure, for this reason")
    kind.add_argument("--hold", choices=HOLDS, help="keep back, until the faults are cleared, what this names")
    kind.add_argument("--clear", action="store_true")
    kind.add_argument("--list", action="store_true")
    return parser


def _fault(sandbox: Sandbox, arguments: argparse.Namespace) -> None:
    if arguments.clear:
        sandbox.clear_faults(arguments.cloud)
    elif arguments.list:
        for fault in sandbox.faults(arguments.cloud):
            print(fault)
    else:
        names = ("service", "operation", "nth", "count", "status", "drop", "delay", "fail", "hold")
        sandbox.order_fault(arguments.cloud, **{name: getattr(arguments, name) for name in names})


def main() -> int:
    arguments = _parser().parse_args()
    directory = arguments.directory.absolute()
    try:
        match arguments.command:
            case "serve":
                vars_file = (arguments.vars or directory.with_suffix(".yml")).absolute()
                serve(
                    directory,
                    vars_file,
                    arguments.clouds,
                    operation_seconds=arguments.operation_seconds,
                    images=[image.absolute() for image in arguments.image],
                    integration_config=arguments.integration_config and arguments.integration_config.absolute(),
                )
            case "stop":
                Sandbox(directory).stop(arguments.cloud)
            case "export":
                Sandbox(directory).export(arguments.cloud, arguments.id, arguments.region, arguments.output)
            case "fault":
                _fault(Sandbox(directory), arguments)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
