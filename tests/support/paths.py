# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in a checkout."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"
COLLECTIONS = BUILD / "collections"
"""``ansible_collections/alpine/cloud`` below it is a link to the checkout, laid by ``make setup``."""
