# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What proves a boot on a console, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: boot_pattern
short_description: What to wait for on the console of a machine that is to prove its start
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - The line that user data of P(alpine.cloud.boot_user_data#filter) has it say, or else what the kernel says of the
    root that it has mounted, or init of its start.
options:
  _input:
    description: The word that P(alpine.cloud.boot_user_data#filter) was given.
    type: str
    required: true
  user_data:
    description: Whether the image has Tiny Cloud or cloud-init, which act on user data.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show what is waited for
  ansible.builtin.debug:
    msg: "{{ 'k3v9x0q2' | alpine.cloud.boot_pattern }}"
"""

RETURN = r"""
_value:
  description: A regular expression, for option O(alpine.cloud.alpine_ec2_instance#module:console_pattern) and its like.
  type: str
"""

from collections.abc import Callable

from ..module_utils._launch.boot_proof import console_pattern


def boot_pattern(word: str, user_data: bool = True) -> str:
    """See DOCUMENTATION."""
    return console_pattern(word, user_data=user_data)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"boot_pattern": boot_pattern}
