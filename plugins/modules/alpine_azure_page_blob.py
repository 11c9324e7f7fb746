# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_azure_page_blob
short_description: Upload a fixed VHD to Azure Storage as a page blob
version_added: "0.1.0"
description:
  - Uploads a fixed VHD as a page blob, from which M(alpine.cloud.alpine_azure_gallery_version) makes an image version.
  - Only what is not zero is sent, in parallel. An interrupted upload is resumed by the next run.
  - The blob's metadata V(source_sha256) and its MD5 are written last. A blob without them is unfinished.
author:
  - The alpine.cloud authors (@alpine-cloud)
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_azure
  - alpine.cloud._azure
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
      - V(present) uploads the blob unless it is there.
      - V(absent) deletes it. If O(source_sha256) is given, the module fails when the blob carries another SHA-256 or
        none; otherwise the name decides, whatever the blob holds.
    type: str
    choices:
      - present
      - absent
    default: present
  storage_account:
    description: The storage account, of kind C(StorageV2).
    type: str
    required: true
  container:
    description: The container.
    type: str
    required: true
  create_container:
    description: Create the container, without public access, when it does not exist.
    type: bool
    default: false
  name:
    description: The blob's name. It must end with V(.vhd).
    type: str
    required: true
  src:
    description:
      - Path of the fixed VHD, with a virtual size of whole MiB; required for O(state=present).
      - M(alpine.cloud.alpine_image_convert) makes such a file.
    type: path
  source_sha256:
    description: SHA-256 of the source qcow2 image, the content's identity; required for O(state=present).
    type: str
  account_key:
    description:
      - The storage account's key. If not set, the credentials are used, which need the role Storage Blob Data
        Contributor on the account or the container.
    type: str
  blob_endpoint:
    description:
      - The address of the account's Blob service. If not set, that of O(storage_account) in O(cloud_environment).
    type: str
  best_effort:
    description:
      - With O(state=absent), warn and succeed when the blob cannot be removed, as when it is kept by a policy or the
        right to delete is missing. RV(remains) then tells what is left.
    type: bool
    default: false
  threads:
    description: How many pages to send at the same time.
    type: int
    default: 8
requirements:
  - azure-storage-blob
"""

EXAMPLES = r"""
- name: Upload the image
  alpine.cloud.alpine_azure_page_blob:
    storage_account: mystorageaccount
    container: alpine-images
    create_container: true
    name: alpine-3.24.2-x86_64-tiny-r0.vhd
    src: /var/cache/alpine/alpine-3.24.2-x86_64-tiny-r0.vhd
    source_sha256: "{{ alpine_image_result.sha256 }}"

- name: Remove what was uploaded
  alpine.cloud.alpine_azure_page_blob:
    storage_account: mystorageaccount
    container: alpine-images
    name: alpine-3.24.2-x86_64-tiny-r0.vhd
    source_sha256: "{{ alpine_image_result.sha256 }}"
    state: absent
"""

RETURN = r"""
url:
  description: The blob's address, without any signature.
  returned: success
  type: str
  sample: https://mystorageaccount.blob.core.windows.net/alpine-images/alpine-3.24.2-x86_64-tiny-r0.vhd
container:
  description: The container.
  returned: O(state=present)
  type: str
  sample: alpine-images
name:
  description: The blob's name.
  returned: O(state=present)
  type: str
  sample: alpine-3.24.2-x86_64-tiny-r0.vhd
size:
  description:
    - The blob's size in bytes, the VHD's footer included.
    - V(null) in check mode when O(src) does not exist yet.
  returned: O(state=present)
  type: int
  sample: 224395776
source_sha256:
  description: SHA-256 of the source image.
  returned: O(state=present)
  type: str
  sample: 0b9ab7c1d8f5e5a4f1a1c2d3e4f5061728394a5b6c7d8e9f00112233445566aa
resumed:
  description: Whether an earlier, interrupted upload was, or would be, resumed.
  returned: O(state=present)
  type: bool
uploaded_bytes:
  description: How many bytes were sent; V(0) in check mode.
  returned: O(state=present)
  type: int
  sample: 183697408
remains:
  description: What could not be removed with O(best_effort=true), as container and name.
  returned: O(state=absent)
  type: list
  elements: str
  sample: []
failure:
  description: The operation, code and status of a request that Azure refused.
  returned: when a request failed
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._azure.auth import AZURE_ARGUMENT_SPEC
from ..module_utils._azure.clients import AzureClients
from ..module_utils._azure.page_blob import PageBlobRequest, ensure_absent, ensure_present
from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AZURE_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "storage_account": {"type": "str", "required": True},
            "container": {"type": "str", "required": True},
            "create_container": {"type": "bool", "default": False},
            "name": {"type": "str", "required": True},
            "src": {"type": "path"},
            "source_sha256": {"type": "str"},
            "account_key": {"type": "str", "no_log": True},
            "blob_endpoint": {"type": "str"},
            "best_effort": {"type": "bool", "default": False},
            "threads": {"type": "int", "default": 8},
        },
        required_if=[("state", "present", ["src", "source_sha256"])],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = PageBlobRequest.from_params(module.params)
        clients = AzureClients.from_params(module.params)
        change = ensure_absent if module.params["state"] == "absent" else ensure_present
        return change(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
