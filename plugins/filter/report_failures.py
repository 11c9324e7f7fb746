# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which imports failed, as a sentence, for roles."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report_failures
short_description: Which imports failed, and why
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - One sentence, with the step and the reason of each failure.
options:
  _input:
    description: The outcome of each import, as role P(alpine.cloud.alpine_report#role) takes them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Fail when an import failed
  ansible.builtin.fail:
    msg: "{{ alpine_report_imports | alpine.cloud.report_failures }}"
  when: (alpine_report_imports | alpine.cloud.report_failures) != ''
"""

RETURN = r"""
_value:
  description: The sentence; empty when none has failed.
  type: str
"""

from collections.abc import Callable

from ..module_utils._image.report import report_failures


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"report_failures": report_failures}
