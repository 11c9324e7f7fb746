# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launch a Compute Engine instance from an image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_gcp_instance
short_description: Launch a Google Compute Engine instance from an image
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Launches an instance from an image, waits until it runs and, on request, until it has said something on its serial
    console; removes it with its disk and its addresses.
  - The key goes into the instance's metadata as one of user C(alpine), whatever its comment says, and keys of the
    project are blocked. The network interface is a gVNIC where the image can use one. Secure Boot is off, since
    Alpine's boot loader is not signed. The instance has no service account.
  - Instance and disk have the label C(alpine-cloud-machine). A launch that is repeated finds them; it never makes a
    second instance. One that has never run is removed and launched again. One that was stopped is left alone, with an
    error.
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_gcp
  - alpine.cloud._gcp
  - alpine.cloud._machine
  - alpine.cloud._wait
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - google-cloud-compute >= 1.19
options:
  zone:
    description: The zone of the instance, such as V(europe-west1-b).
    type: str
    required: true
  image:
    description:
      - The image to launch, by its name in O(project) or by its link, as M(alpine.cloud.alpine_gcp_image) returns it in
        C(self_link). An image family is not taken.
      - Needed when there is no instance yet. An instance of this name from another image is an error.
    type: str
  machine_type:
    description:
      - The machine type.
      - By default the smallest, V(e2-micro) for x86_64 and V(c4a-highcpu-1) for aarch64, which not every zone has; an
        instance that is there keeps its own.
      - An instance of this name of another type is an error.
    type: str
  network:
    description:
      - The VPC network of the instance, by name or link.
      - If neither it nor O(subnetwork) is given, C(default), which not every project has.
    type: str
  subnetwork:
    description: The subnetwork of the instance, by name in the zone's region or by link.
    type: str
  public_address:
    description:
      - Whether the instance gets an ephemeral external IPv4 address.
      - Counts for a launch; an instance that is there keeps what it has.
    type: bool
    default: true
  labels:
    description:
      - The instance's labels besides C(alpine-cloud-machine); others are removed.
      - When left out, an existing instance keeps its own.
    type: dict
  os_login:
    description:
      - Whether OS Login is on in the instance; if not given, the project decides, and a warning tells when it is on,
        since a system that heeds it lets nobody in by O(ssh_public_key).
      - V(false) is refused by Google Cloud where the organization policy C(compute.requireOsLogin) is in force.
      - Counts for a launch; an instance that is there keeps what it has.
    type: bool
notes:
  - Google Cloud keeps the last MiB that an instance has printed on its console, and only while it runs. What is printed
    right before a machine powers itself off may be lost.
  - A firewall rule has to let SSH in; that of the network C(default) does.
  - The caller needs the role Compute Instance Admin (v1), or on the project C(compute.instances.create),
    C(compute.instances.get), C(compute.instances.delete), C(compute.instances.setLabels),
    C(compute.instances.setMetadata), C(compute.instances.getSerialPortOutput), C(compute.disks.create),
    C(compute.disks.get), C(compute.disks.setLabels), C(compute.disks.delete), C(compute.images.get),
    C(compute.images.useReadOnly), C(compute.subnetworks.use), C(compute.subnetworks.useExternalIp),
    C(compute.machineTypes.get), C(compute.zoneOperations.get) and C(compute.zoneOperations.list); with
    C(compute.projects.get) it is told whether the project has OS Login on.
seealso:
  - module: alpine.cloud.alpine_gcp_image
"""

EXAMPLES = r"""
- name: Launch an instance, and wait until its user data has run
  alpine.cloud.alpine_gcp_instance:
    project: my-project
    zone: europe-west1-b
    name: alpine-1
    image: alpine-3-24-2-x86-64-tiny-r0
    ssh_public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    user_data: |
      #!/bin/sh
      echo ready >/dev/console
    console_pattern: ^ready$
    wait_timeout: 300
  register: machine

- name: Show how to log in
  ansible.builtin.debug:
    msg: "ssh {{ machine.user }}@{{ machine.public_address }}"

- name: Remove it
  alpine.cloud.alpine_gcp_instance:
    project: my-project
    zone: europe-west1-b
    name: alpine-1
    state: absent
"""

RETURN = r"""
id:
  description: The instance's numeric ID; V(null) when there is none.
  returned: success
  type: str
  sample: "4611686018427387904"
name:
  description: The instance's name.
  returned: success
  type: str
  sample: alpine-1
state:
  description:
    - Its status in Compute Engine's word; V(absent) when it is gone.
    - V(null) in check mode before a launch.
  returned: success
  type: str
  sample: RUNNING
running:
  description: Whether it runs.
  returned: success
  type: bool
private_address:
  description: Internal IPv4 address; V(null) when there is no instance.
  returned: success
  type: str
  sample: 10.132.0.2
public_address:
  description: External IPv4 address; V(null) when it has none.
  returned: success
  type: str
  sample: 192.0.2.2
user:
  description: The user to log in as.
  returned: success
  type: str
  sample: alpine
image:
  description: The image that it was launched from, without the API's URL.
  returned: success
  type: str
  sample: projects/my-project/global/images/alpine-3-24-2-x86-64-tiny-r0
machine_type:
  description: The machine type.
  returned: success
  type: str
  sample: e2-micro
zone:
  description: The zone.
  returned: success
  type: str
  sample: europe-west1-b
labels:
  description: All labels.
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
from ..module_utils._gcp.auth import GCP_ARGUMENT_SPEC
from ..module_utils._gcp.clients import GcpClients
from ..module_utils._gcp.gce_instance import ensure_absent, ensure_present
from ..module_utils._gcp.instance_request import GceInstanceRequest
from ..module_utils._launch.options import MACHINE_ARGUMENT_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **GCP_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            **MACHINE_ARGUMENT_SPEC,
            "zone": {"type": "str", "required": True},
            "image": {"type": "str"},
            "machine_type": {"type": "str"},
            "network": {"type": "str"},
            "subnetwork": {"type": "str"},
            "public_address": {"type": "bool", "default": True},
            "labels": {"type": "dict"},
            "os_login": {"type": "bool"},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = GceInstanceRequest.from_params(module.params)
        clients = GcpClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode)
        return ensure_present(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
