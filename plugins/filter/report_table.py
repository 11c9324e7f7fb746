# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What landed where, as lines of a table, for roles."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report_table
short_description: What landed where, as a table
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - One line for each import, below a line of headings.
positional: check_mode
options:
  _input:
    description: The outcome of each import, as role P(alpine.cloud.alpine_report#role) takes them.
    type: list
    elements: dict
    required: true
  check_mode:
    description: Whether nothing was really changed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what landed where
  ansible.builtin.debug:
    msg: "{{ alpine_report_imports | alpine.cloud.report_table(ansible_check_mode) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._image.report import report_table as _report_table


def report_table(records: Sequence[Mapping[str, Any]], check_mode: bool = False) -> list[str]:
    """See DOCUMENTATION."""
    return _report_table(records, check_mode)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"report_table": report_table}
