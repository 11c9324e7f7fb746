# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all modules that launch a machine share."""

from __future__ import annotations

from typing import Any

MACHINE_ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "architecture": {"type": "str", "choices": ["x86_64", "aarch64"], "default": "x86_64"},
    "ssh_public_key": {"type": "str", "no_log": False},
    "user_data": {"type": "str", "no_log": True},
    "console": {"type": "bool", "default": False},
    "console_pattern": {"type": "str"},
}
"""Doc fragment ``alpine.cloud._machine`` documents them."""
