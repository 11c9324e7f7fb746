# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_ec2_instance
short_description: Launch an EC2 instance from an AMI
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Launches an instance from an AMI, with IMDSv2 only and a root volume that goes with the instance, waits until it
    runs and, on request, until it has said something on its serial console.
  - The public key is imported as a key pair called C(alpine-cloud-) and the name of the instance, and goes with it.
  - Instance, volume, network interface and key pair are tagged with C(alpine-cloud-machine). A launch that is repeated
    finds them; it never makes a second instance.
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_aws
  - alpine.cloud._aws
  - alpine.cloud._machine
  - alpine.cloud._wait
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  image_id:
    description:
      - The AMI to launch. Needed when there is no instance yet.
      - An instance of this name from another image is an error.
    type: str
  instance_type:
    description:
      - Type of the instance, by default the smallest that boots by UEFI and by BIOS, V(t3.nano) for x86_64 and
        V(t4g.nano) for aarch64.
      - An instance of this name of another type is an error.
    type: str
  subnet_id:
    description: The subnet of the instance, by default one of the default VPC.
    type: str
  security_group_ids:
    description: The security groups of the instance, by default the VPC's own, which lets nobody in.
    type: list
    elements: str
    default: []
  assign_public_ip:
    description: Whether the instance gets a public IPv4 address; if not given, the subnet decides.
    type: bool
  tags:
    description:
      - Tags for the instance and what belongs to it, over C(Name) and C(alpine-cloud-machine).
      - Tags that others have put there are left alone.
    type: dict
    default: {}
seealso:
  - module: alpine.cloud.alpine_ec2_image
"""

EXAMPLES = r"""
- name: Launch an instance, and wait until it has started
  alpine.cloud.alpine_ec2_instance:
    region: eu-central-1
    name: alpine-test
    image_id: ami-0c3def8f7d9df813c
    security_group_ids: [sg-0a1b2c3d4e5f60718]
    ssh_public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    user_data: |
      #!/bin/sh
      echo ready >/dev/console
    console_pattern: ^ready$
    wait_timeout: 300

- name: Remove it
  alpine.cloud.alpine_ec2_instance:
    region: eu-central-1
    name: alpine-test
    state: absent
"""

RETURN = r"""
id:
  description: The instance; V(null) when there is none.
  returned: success
  type: str
  sample: i-0123456789abcdef0
name:
  description: Name of the instance.
  returned: success
  type: str
  sample: alpine-test
state:
  description: State of the instance in EC2's words, V(absent) when it is gone; V(null) in check mode before a launch.
  returned: success
  type: str
  sample: running
running:
  description: Whether it runs.
  returned: success
  type: bool
private_address:
  description: Private IPv4 address.
  returned: success
  type: str
  sample: 172.31.7.12
public_address:
  description: Public IPv4 address; V(null) when it has none.
  returned: success
  type: str
  sample: 203.0.113.2
user:
  description: The user to log in as.
  returned: success
  type: str
  sample: alpine
image_id:
  description: The AMI that it was launched from.
  returned: success
  type: str
  sample: ami-0c3def8f7d9df813c
instance_type:
  description: Type of the instance.
  returned: success
  type: str
  sample: t3.nano
region:
  description: Region of the instance.
  returned: success
  type: str
  sample: eu-central-1
availability_zone:
  description: Availability zone of the instance; V(null) when there is none.
  returned: success
  type: str
  sample: eu-central-1a
tags:
  description: Tags of the instance.
  returned: success
  type: dict
console:
  description: What it has printed on its serial console; V(null) unless asked for.
  returned: success
  type: str
console_match:
  description: What O(console_pattern) has matched.
  returned: success
  type: str
  sample: ready
console_seconds:
  description: For how many seconds the console was waited for.
  returned: success
  type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._aws.auth import AWS_ARGUMENT_SPEC
from ..module_utils._aws.clients import AwsClients
from ..module_utils._aws.instance import Ec2InstanceRequest, ensure_absent, ensure_present
from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC
from ..module_utils._launch.options import MACHINE_ARGUMENT_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AWS_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            **MACHINE_ARGUMENT_SPEC,
            "image_id": {"type": "str"},
            "instance_type": {"type": "str"},
            "subnet_id": {"type": "str"},
            "security_group_ids": {"type": "list", "elements": "str", "default": []},
            "assign_public_ip": {"type": "bool"},
            "tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = Ec2InstanceRequest.from_params(module.params)
        clients = AwsClients.from_params(module.params)
        change = ensure_absent if module.params["state"] == "absent" else ensure_present
        return change(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
