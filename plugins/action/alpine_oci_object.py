# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of this name and shows its progress."""

from __future__ import annotations

from ..plugin_utils._progress_action import ProgressAction as ActionModule

__all__ = ["ActionModule"]
