# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all clouds' instances are: QEMU machines with a network of their own, and a metadata service in it."""

from tests.sandbox._machines._machine import Hardware, Machine
from tests.sandbox._machines._room import MachineRoom

__all__ = ["Hardware", "Machine", "MachineRoom"]
