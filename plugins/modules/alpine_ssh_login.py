# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_ssh_login
short_description: Try to log in to a machine by SSH
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Logs in with a private key and runs a command, and tells whether that succeeded, was refused, or whether the machine
    cannot be reached from here. None of that is a failure of the module.
  - The machine's host key is not checked, since it was made a moment ago; nothing secret is sent.
extends_documentation_fragment:
  - alpine.cloud._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  host:
    description: Name or address of the machine.
    type: str
    required: true
  user:
    description: Who to log in as.
    type: str
    default: alpine
  private_key_file:
    description: The private key, a file that only its owner can read.
    type: path
    required: true
  ssh_args:
    description: More arguments of C(ssh), such as V(-J bastion.example.com), in one line.
    type: str
    default: ""
  command:
    description: What to run there.
    type: str
    default: "true"
  timeout:
    description: How long to go on trying while the machine cannot be reached, in seconds.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: See whether the machine lets alpine in
  alpine.cloud.alpine_ssh_login:
    host: "{{ machine.public_address }}"
    private_key_file: ~/.ssh/id_ed25519
    command: uname -m
  register: login
"""

RETURN = r"""
status:
  description: V(logged_in), V(refused) when the machine does not accept the key, or V(unreachable).
  returned: success
  type: str
  sample: logged_in
stdout:
  description: What the command has printed.
  returned: success
  type: str
  sample: |
    x86_64
reason:
  description: What C(ssh) says; V(null) when it has logged in.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._launch.ssh_login import SshLogin


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "user": {"type": "str", "default": "alpine"},
            "private_key_file": {"type": "path", "required": True, "no_log": False},
            "ssh_args": {"type": "str", "default": ""},
            "command": {"type": "str", "default": "true"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        return SshLogin.from_params(module.params).attempt()

    run_module(module, operation)


if __name__ == "__main__":
    main()
