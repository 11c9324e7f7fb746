# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_azure_vm
short_description: Launch a virtual machine from an image version in an Azure compute gallery
version_added: "0.1.0"
description:
  - Launches one machine as Alpine's guide says it, and removes it with its disk, network interface and public address.
  - Security type Standard, no license type, user C(alpine) with an SSH key and no password, user data, boot diagnostics
    in managed storage, no VM agent. The disk controller is NVMe where both size and image have it, else SCSI.
  - A machine of the name that has failed is removed and launched again. One that is stopped is left alone, with an
    error.
author:
  - The alpine.cloud authors (@alpine-cloud)
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_azure
  - alpine.cloud._azure
  - alpine.cloud._azure.tags
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
  resource_group:
    description: The resource group of the machine, which must exist.
    type: str
    required: true
  image:
    description:
      - The resource ID of an image version, as M(alpine.cloud.alpine_azure_gallery_version) returns it, or of an image
        definition for its latest one.
      - IDs that begin with C(/CommunityGalleries/) or C(/SharedGalleries/) work as well; of those, Azure alone checks
        whether the size fits.
      - Needed with O(state=present). A machine that is there must be from it.
    type: str
  size:
    description:
      - The size, such as V(Standard_B2ats_v2).
      - If not set, the smallest that Azure still builds, of 2 processors and 1 GiB, V(Standard_B2ats_v2) for x86_64 and
        V(Standard_B2pts_v2) for aarch64; a machine that is there keeps its size.
    type: str
  location:
    description: The region. A machine is where its subnet is; with this option, it is an error if that is elsewhere.
    type: str
  subnet_id:
    description:
      - The resource ID of the subnet to put the machine into, which must exist.
      - Needed with O(state=present), since Azure has no default network.
    type: str
  network_security_group_id:
    description:
      - The resource ID of the network security group that says what reaches the machine. Without one, nothing from
        outside reaches its public address, unless the subnet has a group that lets it.
    type: str
  public_address:
    description: Whether the machine gets a public address, of SKU Standard.
    type: bool
    default: true
requirements:
  - azure-mgmt-compute >= 38
notes:
  - Tiny Cloud does not tell Azure that a machine is ready. After 20 minutes or more, Azure takes that for a failure,
    C(OSProvisioningTimedOut), though the machine runs. The module takes it for none, if the machine does run, and says
    so in a warning and in RV(provisioning).
  - With O(console_pattern) the module does not wait that long, but for what the machine is to say, and
    RV(provisioning) may be V(in_progress).
  - The principal needs, on the resource group, C(read), C(write), C(delete) and C(retrieveBootDiagnosticsData/action)
    of C(Microsoft.Compute/virtualMachines), C(write) and C(delete) of C(Microsoft.Compute/disks), C(read), C(write),
    C(delete) and C(join/action) of C(Microsoft.Network/networkInterfaces) and C(Microsoft.Network/publicIPAddresses),
    and C(Microsoft.Compute/locations/operations/read); C(Microsoft.Compute/galleries/images/read) and
    C(Microsoft.Compute/galleries/images/versions/read) of the image; C(Microsoft.Network/virtualNetworks/read) and
    C(Microsoft.Network/virtualNetworks/subnets/join/action) of the subnet's network;
    C(Microsoft.Network/networkSecurityGroups/join/action) of a security group. The built-in roles Virtual Machine
    Contributor and Network Contributor include all that.
  - With C(Microsoft.Compute/skus/read) on the subscription, size and image are compared before the launch; without it
    Azure refuses what does not fit.
seealso:
  - module: alpine.cloud.alpine_azure_gallery_version
"""

EXAMPLES = r"""
- name: Launch a machine, and wait until its user data has run
  alpine.cloud.alpine_azure_vm:
    resource_group: machines
    name: alpine-1
    image: "{{ version.id }}"
    subnet_id: "{{ subnet_id }}"
    network_security_group_id: "{{ ssh_from_home }}"
    ssh_public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    user_data: |
      #!/bin/sh
      echo it-works >/dev/console
    console_pattern: ^it-works
    wait_timeout: 600
  register: machine

- name: Show how to log in
  ansible.builtin.debug:
    msg: "ssh {{ machine.user }}@{{ machine.public_address }}"

- name: Remove it, with its disk, network interface and public address
  alpine.cloud.alpine_azure_vm:
    resource_group: machines
    name: alpine-1
    state: absent
"""

RETURN = r"""
id:
  description: The machine's resource ID; V(null) where there is none.
  returned: success
  type: str
  sample: /subscriptions/ID/resourceGroups/machines/providers/Microsoft.Compute/virtualMachines/alpine-1
name:
  description: The machine's name.
  returned: success
  type: str
  sample: alpine-1
state:
  description:
    - Its power state in Azure's word, or its provisioning state where it has no power; V(absent) when it is gone, and
      V(deleting) when that is not waited for.
    - V(null) in check mode when it would be launched.
  returned: success
  type: str
  sample: running
running:
  description: Whether it runs.
  returned: success
  type: bool
  sample: true
provisioning:
  description:
    - V(succeeded), or V(timed_out) when the machine runs, and has not told Azure so, which is no failure.
    - V(in_progress) when it was not waited for.
  returned: success
  type: str
  sample: timed_out
private_address:
  description: Its address in the subnet; V(null) as long as it has none.
  returned: success
  type: str
  sample: 10.0.0.4
public_address:
  description: Its public address; V(null) as long as it has none.
  returned: success
  type: str
  sample: 198.51.100.7
user:
  description: Whom to log in as.
  returned: success
  type: str
  sample: alpine
image:
  description: What it was launched from.
  returned: O(state=present)
  type: str
size:
  description: Its size.
  returned: O(state=present)
  type: str
  sample: Standard_B2ats_v2
location:
  description: The region.
  returned: O(state=present)
  type: str
  sample: westeurope
tags:
  description: Its tags, among them C(alpine-cloud-machine) with the machine's name, which the module sets.
  returned: O(state=present)
  type: dict
console:
  description: What it has printed on its serial console; V(null) unless that was asked for.
  returned: success
  type: str
console_match:
  description: What O(console_pattern) has matched.
  returned: success
  type: str
  sample: it-works
console_seconds:
  description: For how long O(console_pattern) was waited for.
  returned: success
  type: float
  sample: 31.5
failure:
  description: The operation, code and status of a request that Azure refused, or of an operation that failed.
  returned: when a request failed
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._azure.auth import AZURE_ARGUMENT_SPEC
from ..module_utils._azure.clients import AzureClients
from ..module_utils._azure.virtual_machine import ensure_absent, ensure_present
from ..module_utils._azure.virtual_machine_request import AzureVmRequest
from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC
from ..module_utils._launch.options import MACHINE_ARGUMENT_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AZURE_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            **MACHINE_ARGUMENT_SPEC,
            "resource_group": {"type": "str", "required": True},
            "image": {"type": "str"},
            "size": {"type": "str"},
            "location": {"type": "str"},
            "subnet_id": {"type": "str"},
            "network_security_group_id": {"type": "str"},
            "public_address": {"type": "bool", "default": True},
            "tags": {"type": "dict"},
            "append_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = AzureVmRequest.from_params(module.params)
        clients = AzureClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode)
        return ensure_present(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
