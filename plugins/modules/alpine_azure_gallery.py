# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_azure_gallery
short_description: Manage an Azure compute gallery
version_added: "0.1.0"
description:
  - Creates, updates and deletes a compute gallery, which holds image definitions and their versions.
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
    description: Whether the gallery is to exist. One that holds image definitions cannot be deleted.
    type: str
    choices:
      - present
      - absent
    default: present
  resource_group:
    description: The resource group, which must exist.
    type: str
    required: true
  name:
    description: The gallery's name, of letters, digits, dots and underscores.
    type: str
    required: true
  location:
    description: The region; needed when the gallery does not exist yet. It cannot be changed later.
    type: str
  description:
    description: What the gallery is for.
    type: str
requirements:
  - azure-mgmt-compute >= 38
"""

EXAMPLES = r"""
- name: Create a gallery
  alpine.cloud.alpine_azure_gallery:
    resource_group: images
    name: alpine
    location: westeurope
    description: Alpine Linux
"""

RETURN = r"""
id:
  description: The gallery's resource ID; V(null) in check mode when the gallery does not exist yet.
  returned: success
  type: str
  sample: /subscriptions/ID/resourceGroups/images/providers/Microsoft.Compute/galleries/alpine
name:
  description: The gallery's name.
  returned: success
  type: str
  sample: alpine
location:
  description: The region.
  returned: O(state=present)
  type: str
  sample: westeurope
description:
  description: What the gallery is for.
  returned: O(state=present)
  type: str
  sample: Alpine Linux
tags:
  description: The gallery's tags.
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
from ..module_utils._azure.gallery import GalleryRequest, ensure_absent, ensure_present
from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AZURE_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "resource_group": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "location": {"type": "str"},
            "description": {"type": "str"},
            "tags": {"type": "dict"},
            "append_tags": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = GalleryRequest.from_params(module.params)
        clients = AzureClients.from_params(module.params)
        change = ensure_absent if module.params["state"] == "absent" else ensure_present
        return change(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
