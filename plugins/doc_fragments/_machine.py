# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """Documents the options of module_utils/_launch/options.py."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(present) launches the machine unless it is there.
      - V(absent) removes it, with all that was made for it.
    type: str
    choices:
      - present
      - absent
    default: present
  name:
    description:
      - Name of the machine. It is found again by it, so that there is one of a name.
      - Machines that this collection has not launched are neither adopted nor removed.
    type: str
    required: true
  architecture:
    description: Architecture of the image, in Alpine's words. The default size follows it.
    type: str
    choices:
      - x86_64
      - aarch64
    default: x86_64
  ssh_public_key:
    description:
      - The SSH public key whose owner can log in as C(alpine), in one line, as in a file that ends in C(.pub).
      - Whatever its comment says.
    type: str
  user_data:
    description:
      - What Tiny Cloud or cloud-init in the machine is to act on, such as a script that begins with C(#!), as plain
        text. It is not shown in results; anybody in the machine can read it, so it should hold no secret.
      - A machine that is there keeps what it was launched with.
    type: str
  console:
    description: Return what the machine has printed on its serial console.
    type: bool
    default: false
  console_pattern:
    description:
      - A regular expression. Wait, up to O(wait_timeout), until what the machine has printed on its serial console
        matches it, and fail with its last lines when it does not, or when its kernel panics before that. Implies
        O(console=true).
    type: str
"""
