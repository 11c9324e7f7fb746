# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a console proves, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: boot_proof
short_description: What is proved by what a machine has said
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - Reads what P(alpine.cloud.boot_pattern#filter) has matched on the console.
options:
  _input:
    description: The RV(alpine.cloud.alpine_ec2_instance#module:console_match) of the machine.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what is proved
  ansible.builtin.debug:
    msg: "{{ 'alpine-boot-test k3v9x0q2 firmware=uefi arch=x86_64 key=yes' | alpine.cloud.boot_proof }}"
"""

RETURN = r"""
_value:
  description:
    - C(booted), C(firmware), C(architecture), C(user_data_seen) and C(key_seen); V(null) where nothing is proved.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ..module_utils._launch import boot_proof as launch_boot_proof


def boot_proof(matched: str) -> dict[str, Any]:
    """See DOCUMENTATION."""
    return launch_boot_proof.boot_proof(matched)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {"boot_proof": boot_proof}
