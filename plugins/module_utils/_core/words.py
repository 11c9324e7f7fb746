# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that the whole collection has for processors and firmware, whatever a cloud calls them."""

from __future__ import annotations

from typing import Literal

Architecture = Literal["x86_64", "aarch64"]
"""Of a processor, in Alpine's words."""

Firmware = Literal["bios", "uefi", "hybrid"]
"""What a disk boots by; ``hybrid`` is either."""

NamedFirmware = Literal["bios", "uefi"]
"""What the name of a published image may say; those of hybrid ones say nothing."""
