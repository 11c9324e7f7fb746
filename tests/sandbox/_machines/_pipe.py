# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries bytes between standard input and output and a port on 127.0.0.1, in both directions.

``python -I -S _pipe.py PORT``, or a file that holds the port. QEMU starts it for each connection of a guest to its
metadata service, and ssh, as a ProxyCommand, for one to a machine.
"""

from __future__ import annotations

import os
import socket
import sys
import threading


def _port(argument: str) -> int:
    if argument.isdigit():
        return int(argument)
    with open(argument, encoding="ascii") as file:
        return int(file.read())


def main() -> None:
    try:
        port = _port(sys.argv[1])
    except FileNotFoundError:
        sys.exit("there is no such machine")
    there = socket.create_connection(("127.0.0.1", port))

    def send() -> None:
        while data := os.read(0, 65536):
            there.sendall(data)
        there.shutdown(socket.SHUT_WR)

    threading.Thread(target=send, daemon=True).start()
    while data := there.recv(65536):
        while data:
            data = data[os.write(1, data) :]
    # Not through the interpreter's shutdown, which would wait for the other thread.
    os._exit(0)


if __name__ == "__main__":
    main()
