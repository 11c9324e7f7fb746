# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_azure_gallery_image
short_description: Manage an image definition in an Azure compute gallery
version_added: "0.1.0"
description:
  - Creates, updates and deletes an image definition of Linux, generalized, of which
    M(alpine.cloud.alpine_azure_gallery_version) makes versions.
  - Most of a definition cannot be changed once it exists. The module then fails and proposes another name.
  - The definition is never offered for Trusted Launch, since Alpine's boot loader is not signed. Where a subscription
    has Trusted Launch as the default of generation 2, the module fails and says what to do.
author:
  - The alpine.cloud authors (@alpine-cloud)
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_azure
  - alpine.cloud._azure
  - alpine.cloud._azure.tags
  - alpine.cloud._wait
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: Whether the definition is to exist. One that holds versions cannot be deleted.
    type: str
    choices:
      - present
      - absent
    default: present
  resource_group:
    description: The resource group, which must exist.
    type: str
    required: true
  gallery:
    description: The gallery.
    type: str
    required: true
  name:
    description: The definition's name, usually that of the image without version, such as V(alpine-x86_64-uefi-tiny).
    type: str
    required: true
  location:
    description: The region; needed when the definition does not exist yet. It cannot be changed later.
    type: str
  architecture:
    description: The architecture, in Alpine's words; required for O(state=present).
    type: str
    choices:
      - x86_64
      - aarch64
  hyper_v_generation:
    description:
      - The generation of the virtual machines, V(V2) for UEFI and V(V1) for BIOS; required for O(state=present).
      - There is only V(V2) for V(aarch64).
    type: str
    choices:
      - V1
      - V2
  publisher:
    description: The publisher; required for O(state=present).
    type: str
  offer:
    description: The offer; required for O(state=present).
    type: str
  sku:
    description: The SKU, unique together with O(publisher) and O(offer) in the gallery; required for O(state=present).
    type: str
  disk_controller_types:
    description:
      - The disk controllers that the image has drivers for. If not set, those of a new definition are both on V(V2) and
        V(SCSI) on V(V1), and an existing one is taken as it is.
    type: list
    elements: str
    choices:
      - SCSI
      - NVMe
  accelerated_networking:
    description:
      - Whether the image has drivers for accelerated networking. If not set, a new definition says that it has, and an
        existing one is taken as it is.
    type: bool
  description:
    description: What the image is.
    type: str
  end_of_life_date:
    description: When the image is out of support, as a date or a date and time.
    type: str
  release_note_uri:
    description: Address of the release notes.
    type: str
requirements:
  - azure-mgmt-compute >= 38
"""

EXAMPLES = r"""
- name: Create an image definition
  alpine.cloud.alpine_azure_gallery_image:
    resource_group: images
    gallery: alpine
    name: alpine-x86_64-uefi-tiny
    location: westeurope
    architecture: x86_64
    hyper_v_generation: V2
    publisher: alpinelinux
    offer: alpine
    sku: x86_64-uefi-tiny
"""

RETURN = r"""
id:
  description: The definition's resource ID; V(null) in check mode when the definition does not exist yet.
  returned: success
  type: str
name:
  description: The definition's name.
  returned: success
  type: str
  sample: alpine-x86_64-uefi-tiny
gallery:
  description: The gallery.
  returned: O(state=present)
  type: str
  sample: alpine
location:
  description: The region.
  returned: O(state=present)
  type: str
  sample: westeurope
os_type:
  description: The operating system's type.
  returned: O(state=present)
  type: str
  sample: Linux
os_state:
  description: Whether virtual machines made from the image get a configuration of their own.
  returned: O(state=present)
  type: str
  sample: Generalized
hyper_v_generation:
  description: V(V1) for BIOS, V(V2) for UEFI.
  returned: O(state=present)
  type: str
  sample: V2
architecture:
  description: The architecture, in Alpine's words.
  returned: O(state=present)
  type: str
  sample: x86_64
publisher:
  description: The publisher.
  returned: O(state=present)
  type: str
  sample: alpinelinux
offer:
  description: The offer.
  returned: O(state=present)
  type: str
  sample: alpine
sku:
  description: The SKU.
  returned: O(state=present)
  type: str
  sample: x86_64-uefi-tiny
disk_controller_types:
  description: The disk controllers that the image has drivers for, sorted.
  returned: O(state=present)
  type: list
  elements: str
  sample:
    - NVMe
    - SCSI
accelerated_networking:
  description: Whether the image has drivers for accelerated networking.
  returned: O(state=present)
  type: bool
security_type:
  description: The security type that virtual machines can have.
  returned: O(state=present)
  type: str
  sample: Standard
description:
  description: What the image is.
  returned: O(state=present)
  type: str
end_of_life_date:
  description: When the image is out of support.
  returned: O(state=present)
  type: str
  sample: "2026-11-01T00:00:00Z"
release_note_uri:
  description: Address of the release notes.
  returned: O(state=present)
  type: str
tags:
  description: The definition's tags.
  returned: O(state=present)
  type: dict
failure:
  description: The operation, code and status of a request that Azure refused, or of an operation that failed.
  returned: when a request failed
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._azure.auth import AZURE_ARGUMENT_SPEC
from ..module_utils._azure.clients import AzureClients
from ..module_utils._azure.gallery_image import GalleryImageRequest, ensure_absent, ensure_present
from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AZURE_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "resource_group": {"type": "str", "required": True},
            "gallery": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "location": {"type": "str"},
            "architecture": {"type": "str", "choices": ["x86_64", "aarch64"]},
            "hyper_v_generation": {"type": "str", "choices": ["V1", "V2"]},
            "publisher": {"type": "str"},
            "offer": {"type": "str"},
            "sku": {"type": "str"},
            "disk_controller_types": {"type": "list", "elements": "str", "choices": ["SCSI", "NVMe"]},
            "accelerated_networking": {"type": "bool"},
            "description": {"type": "str"},
            "end_of_life_date": {"type": "str"},
            "release_note_uri": {"type": "str"},
            "tags": {"type": "dict"},
            "append_tags": {"type": "bool", "default": True},
        },
        required_if=[("state", "present", ["architecture", "hyper_v_generation", "publisher", "offer", "sku"])],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = GalleryImageRequest.from_params(module.params)
        clients = AzureClients.from_params(module.params)
        change = ensure_absent if module.params["state"] == "absent" else ensure_present
        return change(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
