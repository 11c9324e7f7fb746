# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.alpine.cloud.plugins.module_utils._official.quoting import beginning_of


def test_a_page_is_known_at_sight() -> None:
    assert beginning_of(b"\n<!DOCTYPE html>\xff" + bytes(100)).startswith("'<!DOCTYPE html>\ufffd")


def test_it_is_short() -> None:
    assert beginning_of(b"x" * 1000) == repr("x" * 40)


def test_nothing_is_shown_as_such() -> None:
    assert beginning_of(b"") == "''"
