# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_azure_gallery_version
short_description: Make an image version in an Azure compute gallery from a page blob
version_added: "0.1.0"
description:
  - Imports a fixed VHD that lies in Azure Storage as a version of an image definition, and replicates it to regions.
  - The version keeps a copy of the disk, so the blob can be deleted afterwards.
  - The version carries a tag C(source-sha256). A version with that tag is not imported again. One whose import has
    failed is deleted and imported once more; one that is good in some regions only is mended.
  - The caller needs the right C(Microsoft.Storage/storageAccounts/listKeys/action) on the storage account.
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
    description:
      - Whether the version is to exist.
      - With V(absent) and O(source_sha256), the module fails when the version carries another SHA-256 or none; without
        it, the name decides, whatever the version holds.
    type: str
    choices:
      - present
      - absent
    default: present
  resource_group:
    description: The gallery's resource group, which must exist.
    type: str
    required: true
  gallery:
    description: The gallery.
    type: str
    required: true
  gallery_image:
    description: The image definition.
    type: str
    required: true
  name:
    description:
      - The version, of three numbers, each at most 2147483647.
      - The role P(alpine.cloud.alpine_azure#role) makes V(3.24.2002) of Alpine 3.24.2, image revision 2.
    type: str
    required: true
  source_sha256:
    description: SHA-256 of the source qcow2 image, the content's identity; required for O(state=present).
    type: str
  location:
    description: The version's own region; needed when it must be imported. It is always among O(target_regions).
    type: str
  source_uri:
    description: The blob's address, as M(alpine.cloud.alpine_azure_page_blob) returns it; needed to import.
    type: str
  storage_account:
    description: The name of the storage account that the blob is in; needed to import.
    type: str
  storage_account_resource_group:
    description: The storage account's resource group, if not O(resource_group).
    type: str
  target_regions:
    description:
      - Where the version is to be available, besides O(location).
      - Regions that the version has and this list does not name are kept, unless O(purge_target_regions=true).
      - What is not set of a region that the version has stays as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The region, such as V(westeurope).
        type: str
        required: true
      regional_replica_count:
        description:
          - How many copies; in a new region V(1) if not set.
          - One serves about 20 virtual machines that start at the same time.
        type: int
      storage_account_type:
        description:
          - The kind of storage that holds the copies; in a new region V(Standard_LRS) if not set. Azure does not change
            that of a region that the version has.
        type: str
        choices:
          - Standard_LRS
          - Standard_ZRS
          - Premium_LRS
          - PremiumV2_LRS
  purge_target_regions:
    description: Whether to take the version away from regions that are neither in O(target_regions) nor its own.
    type: bool
    default: false
  end_of_life_date:
    description: When the version is out of support, as a date or a date and time.
    type: str
  exclude_from_latest:
    description: Whether C(latest) passes this version over. If not set, a new version is not passed over.
    type: bool
requirements:
  - azure-mgmt-compute >= 38
"""

EXAMPLES = r"""
- name: Import the image
  alpine.cloud.alpine_azure_gallery_version:
    resource_group: images
    gallery: alpine
    gallery_image: alpine-x86_64-uefi-tiny
    name: 3.24.2000
    location: westeurope
    source_uri: "{{ blob.url }}"
    storage_account: mystorageaccount
    source_sha256: "{{ alpine_image_result.sha256 }}"
    target_regions:
      - name: northeurope
      - name: eastus
        regional_replica_count: 3
    end_of_life_date: "2028-05-01"
"""

RETURN = r"""
id:
  description: The version's resource ID; V(null) in check mode when the version does not exist yet.
  returned: success
  type: str
import_needed:
  description: Whether the blob had, or would have, to be imported.
  returned: O(state=present)
  type: bool
name:
  description: The version.
  returned: success
  type: str
  sample: 3.24.2000
gallery:
  description: The gallery.
  returned: O(state=present)
  type: str
  sample: alpine
gallery_image:
  description: The image definition.
  returned: O(state=present)
  type: str
  sample: alpine-x86_64-uefi-tiny
provisioning_state:
  description: Azure's state of the version; V(null) in check mode when it would be imported.
  returned: O(state=present)
  type: str
  sample: Succeeded
location:
  description: The version's own region.
  returned: O(state=present)
  type: str
  sample: westeurope
target_regions:
  description: Where the version is available.
  returned: O(state=present)
  type: list
  elements: dict
  contains:
    name:
      description: The region.
      type: str
      sample: westeurope
    regional_replica_count:
      description: How many copies.
      type: int
      sample: 1
    storage_account_type:
      description: The kind of storage that holds the copies.
      type: str
      sample: Standard_LRS
published_date:
  description: When the version was made; V(null) in check mode when it would be imported.
  returned: O(state=present)
  type: str
  sample: "2026-11-24T06:21:00Z"
end_of_life_date:
  description: When the version is out of support.
  returned: O(state=present)
  type: str
  sample: "2028-05-01T00:00:00Z"
exclude_from_latest:
  description: Whether C(latest) passes this version over.
  returned: O(state=present)
  type: bool
tags:
  description: The version's tags.
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
from ..module_utils._azure.gallery_version import GalleryVersionRequest, ensure_absent, ensure_present
from ..module_utils._azure.gallery_version_state import STORAGE_ACCOUNT_TYPES
from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC

_REGION = {
    "name": {"type": "str", "required": True},
    "regional_replica_count": {"type": "int"},
    "storage_account_type": {"type": "str", "choices": list(STORAGE_ACCOUNT_TYPES)},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AZURE_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "resource_group": {"type": "str", "required": True},
            "gallery": {"type": "str", "required": True},
            "gallery_image": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "source_sha256": {"type": "str"},
            "location": {"type": "str"},
            "source_uri": {"type": "str"},
            "storage_account": {"type": "str"},
            "storage_account_resource_group": {"type": "str"},
            "purge_target_regions": {"type": "bool", "default": False},
            "target_regions": {"type": "list", "elements": "dict", "options": _REGION, "default": []},
            "end_of_life_date": {"type": "str"},
            "exclude_from_latest": {"type": "bool"},
            "tags": {"type": "dict"},
            "append_tags": {"type": "bool", "default": True},
        },
        required_if=[("state", "present", ["source_sha256"])],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = GalleryVersionRequest.from_params(module.params)
        clients = AzureClients.from_params(module.params)
        change = ensure_absent if module.params["state"] == "absent" else ensure_present
        return change(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
