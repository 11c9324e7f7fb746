# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launch an instance in Oracle Cloud from a custom image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_oci_instance
short_description: Launch an instance in Oracle Cloud from an image
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Launches an instance from a custom image, waits until it runs and, on request, until it has said something on its
    serial console; removes it with its boot volume and its network interface.
  - Before the launch, the shape is compared with those that the image is compatible with. Where an availability domain
    has no room for it and none was named, the next one is tried.
  - Firmware and drivers are those of the image. Version 1 of the metadata service is disabled, since Tiny Cloud and
    cloud-init use version 2.
  - The instance has the freeform tag C(alpine-cloud-machine). A launch that is repeated finds it; it never makes a
    second instance. One that was stopped is left alone, with an error.
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_oci
  - alpine.cloud._oci
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
  compartment_id:
    description: OCID of the compartment of the instance.
    type: str
    required: true
  image_id:
    description:
      - OCID of the image to launch.
      - Needed when there is no instance yet. An instance of this name from another image is an error.
    type: str
  shape:
    description:
      - The shape.
      - By default the first of these that the image is compatible with and the region offers, for V(x86_64)
        C(VM.Standard.E4.Flex), C(VM.Standard.E5.Flex), C(VM.Standard.E6.Flex) and C(VM.Standard3.Flex); for V(aarch64)
        C(VM.Standard.A1.Flex), C(VM.Standard.A2.Flex) and C(VM.Standard.A4.Flex). An instance that is there keeps its
        own.
      - An instance of this name of another shape is an error.
    type: str
  ocpus:
    description: How many OCPUs an instance with a flexible shape has. The default is the least that there can be.
    type: float
  memory_in_gbs:
    description:
      - How much memory an instance with a flexible shape has, in GB. The default is the least that there can be.
    type: float
  boot_volume_size_in_gbs:
    description: Size of the boot volume, in GB. Counts for a launch.
    type: int
    default: 50
  availability_domain:
    description:
      - The availability domain, such as V(Uocm:EU-FRANKFURT-1-AD-1).
      - By default that of the subnet, or, of a regional subnet, the first of the region that has room.
    type: str
  subnet_id:
    description: OCID of the subnet of the instance. Needed for a launch.
    type: str
  nsg_ids:
    description: OCIDs of network security groups of the instance. Count for a launch.
    type: list
    elements: str
    default: []
  assign_public_ip:
    description: Whether the instance gets a public IPv4 address. By default the subnet decides. Counts for a launch.
    type: bool
  freeform_tags:
    description: Freeform tags of the instance. Others that it has stay.
    type: dict
notes:
  - What an instance prints on its console is captured while it runs, and each captured history is deleted once it is
    read; in check mode nothing is captured. What is printed right before a machine powers itself off may be lost.
  - A security list or a network security group of the subnet has to let SSH in.
  - "The caller needs to be allowed C(manage instance-family), C(use virtual-network-family), C(use volume-family),
    C(read instance-images) and C(inspect availability-domains) in the compartment, and should be allowed
    C(read work-requests), which tell why a launch has failed."
seealso:
  - module: alpine.cloud.alpine_oci_image
  - module: alpine.cloud.alpine_oci_image_shapes
  - module: alpine.cloud.alpine_oci_image_capabilities
"""

EXAMPLES = r"""
- name: Launch an instance, and wait until its user data has run
  alpine.cloud.alpine_oci_instance:
    compartment_id: "{{ compartment_id }}"
    name: alpine-1
    image_id: "{{ image_id }}"
    subnet_id: "{{ subnet_id }}"
    ssh_public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    user_data: |
      #!/bin/sh
      echo ready >/dev/console
    console_pattern: ^ready$
    wait_timeout: 600
  register: machine

- name: Show how to log in
  ansible.builtin.debug:
    msg: "ssh {{ machine.user }}@{{ machine.public_address }}"

- name: Remove it
  alpine.cloud.alpine_oci_instance:
    compartment_id: "{{ compartment_id }}"
    name: alpine-1
    state: absent
"""

RETURN = r"""
id:
  description: The instance's OCID; V(null) when there is none.
  returned: success
  type: str
  sample: ocid1.instance.oc1.eu-frankfurt-1.aaaaaaaaexample
name:
  description: The instance's name.
  returned: success
  type: str
  sample: alpine-1
state:
  description:
    - Its lifecycle state in Oracle Cloud's word; V(absent) when it is gone.
    - V(null) in check mode before a launch.
  returned: success
  type: str
  sample: RUNNING
running:
  description: Whether it runs.
  returned: success
  type: bool
private_address:
  description: Private IPv4 address; V(null) when there is no instance.
  returned: success
  type: str
  sample: 10.0.0.2
public_address:
  description: Public IPv4 address; V(null) when it has none.
  returned: success
  type: str
  sample: 198.18.0.2
user:
  description: The user to log in as.
  returned: success
  type: str
  sample: alpine
image_id:
  description: OCID of the image that it was launched from.
  returned: success
  type: str
  sample: ocid1.image.oc1.eu-frankfurt-1.aaaaaaaaexample
shape:
  description: The shape.
  returned: success
  type: str
  sample: VM.Standard.E4.Flex
ocpus:
  description: How many OCPUs it has; V(null) where that is not known before the launch.
  returned: success
  type: float
  sample: 1.0
memory_in_gbs:
  description: How much memory it has, in GB; V(null) where that is not known before the launch.
  returned: success
  type: float
  sample: 1.0
region:
  description: The region.
  returned: success
  type: str
  sample: eu-frankfurt-1
availability_domain:
  description: The availability domain.
  returned: success
  type: str
  sample: Uocm:EU-FRANKFURT-1-AD-1
freeform_tags:
  description: All freeform tags.
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

from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC
from ..module_utils._launch.options import MACHINE_ARGUMENT_SPEC
from ..module_utils._oci.auth import OCI_ARGUMENT_SPEC
from ..module_utils._oci.clients import OciClients
from ..module_utils._oci.compute_instance import ensure_absent, ensure_present
from ..module_utils._oci.instance_request import SMALLEST_BOOT_VOLUME, OciInstanceRequest


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **OCI_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            **MACHINE_ARGUMENT_SPEC,
            "compartment_id": {"type": "str", "required": True},
            "image_id": {"type": "str"},
            "shape": {"type": "str"},
            "ocpus": {"type": "float"},
            "memory_in_gbs": {"type": "float"},
            "boot_volume_size_in_gbs": {"type": "int", "default": SMALLEST_BOOT_VOLUME},
            "availability_domain": {"type": "str"},
            "subnet_id": {"type": "str"},
            "nsg_ids": {"type": "list", "elements": "str", "default": []},
            "assign_public_ip": {"type": "bool"},
            "freeform_tags": {"type": "dict"},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = OciInstanceRequest.from_params(module.params)
        clients = OciClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode)
        return ensure_present(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
