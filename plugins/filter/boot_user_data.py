# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""User data that proves a boot, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: boot_user_data
short_description: User data that has a machine prove its start
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - A script for Tiny Cloud or cloud-init, which says a word on the serial console, with the firmware and architecture
    that the machine sees, and whether C(alpine) has got the key. It holds no secret.
options:
  _input:
    description: A word of lower-case letters and digits that nobody knows before.
    type: str
    required: true
  public_key:
    description: The SSH public key that the machine is launched with.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what a machine is asked to do
  ansible.builtin.debug:
    msg: "{{ 'k3v9x0q2' | alpine.cloud.boot_user_data(lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub')) }}"
"""

RETURN = r"""
_value:
  description: The script.
  type: str
"""

from collections.abc import Callable

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import InputError
from ..module_utils._launch import boot_proof


def boot_user_data(word: str, public_key: str) -> str:
    """See DOCUMENTATION."""
    try:
        return boot_proof.boot_user_data(word, public_key)
    except InputError as error:
        raise AnsibleFilterError(error.message) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"boot_user_data": boot_user_data}
