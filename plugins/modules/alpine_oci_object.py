# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_oci_object
short_description: Upload an image file to a bucket in Oracle Cloud
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Uploads a qcow2 image to Object Storage, in parallel parts when it is large, so that
    M(alpine.cloud.alpine_oci_image) can import it.
  - The object carries the SHA-256 of the source image as metadata C(source-sha256). An object with the same content
    is left as it is; one with other content is never overwritten.
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_oci
  - alpine.cloud._oci
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
      - V(present) uploads the file unless the bucket has it. What interrupted uploads of this very file have left is
        removed then.
      - V(absent) deletes the object. Unfinished uploads are left alone, since nothing tells whose they are.
    type: str
    choices:
      - present
      - absent
    default: present
  name:
    description: Name of the object.
    type: str
    required: true
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  namespace:
    description: Object Storage namespace. Looked up when it is not given.
    type: str
  create_bucket:
    description: Create the bucket if it does not exist, without public access, in O(compartment_id).
    type: bool
    default: false
  compartment_id:
    description: OCID of the compartment in which to create the bucket.
    type: str
  src:
    description: Path of the image file. Needed when O(state=present).
    type: path
  source_image_type:
    description: The format that O(src) must have.
    type: str
    choices:
      - QCOW2
      - VMDK
    default: QCOW2
  source_sha256:
    description:
      - SHA-256 of the source qcow2 image, in hexadecimal. By default that of O(src).
      - With O(state=absent), the module fails where the object has other content; without it, the name alone decides.
    type: str
  part_size:
    description:
      - Size of a part in MiB. A larger file is uploaded in parts.
      - Object Storage wants 10 at least.
    type: int
    default: 32
  parallel_uploads:
    description: How many parts to upload at the same time.
    type: int
    default: 4
  best_effort:
    description:
      - With O(state=absent), warn instead of failing when the object cannot be removed, as under a retention rule or
        without the right to delete; RV(remains) says so.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Upload an image
  alpine.cloud.alpine_oci_object:
    name: alpine-3.24.2-x86_64-tiny-r0.qcow2
    bucket: images
    create_bucket: true
    compartment_id: "{{ compartment_id }}"
    src: /srv/images/alpine-3.24.2-x86_64-tiny-r0.qcow2

- name: Remove it when it has been imported
  alpine.cloud.alpine_oci_object:
    name: alpine-3.24.2-x86_64-tiny-r0.qcow2
    bucket: images
    state: absent
"""

RETURN = r"""
namespace:
  description: Object Storage namespace.
  returned: success
  type: str
  sample: axabcdefghij
bucket:
  description: Name of the bucket.
  returned: success
  type: str
  sample: images
name:
  description: Name of the object.
  returned: success
  type: str
  sample: alpine-3.24.2-x86_64-tiny-r0.qcow2
size:
  description: Size in bytes; V(null) when there is no object and no file to measure.
  returned: success
  type: int
  sample: 110886912
source_sha256:
  description: SHA-256 of the source image, as the object's metadata has it.
  returned: success
  type: str
  sample: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
etag:
  description: Entity tag of the object; V(null) when there is none.
  returned: success
  type: str
  sample: 9fd4a4a7-4b1f-4b16-8f4e-3e6b3b1f0b52
bucket_created:
  description: Whether the bucket was created, or would be.
  returned: success
  type: bool
  sample: false
remains:
  description: What could not be removed.
  returned: when O(state=absent)
  type: list
  elements: str
  sample: []
aborted_uploads:
  description: How many unfinished uploads of the file were aborted.
  returned: success
  type: int
  sample: 0
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._oci.auth import OCI_ARGUMENT_SPEC
from ..module_utils._oci.clients import OciClients
from ..module_utils._oci.oci_object import OciObjectRequest, ensure_absent, ensure_present


def main() -> None:
    argument_spec: dict[str, Any] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str", "required": True},
        "bucket": {"type": "str", "required": True},
        "namespace": {"type": "str"},
        "create_bucket": {"type": "bool", "default": False},
        "compartment_id": {"type": "str"},
        "src": {"type": "path"},
        "source_image_type": {"type": "str", "choices": ["QCOW2", "VMDK"], "default": "QCOW2"},
        "source_sha256": {"type": "str"},
        "part_size": {"type": "int", "default": 32},
        "parallel_uploads": {"type": "int", "default": 4},
        "best_effort": {"type": "bool", "default": False},
        **OCI_ARGUMENT_SPEC,
    }
    module = AnsibleModule(argument_spec, supports_check_mode=True, required_if=[("state", "present", ["src"])])

    def operation() -> dict[str, Any]:
        request = OciObjectRequest.from_params(module.params)
        clients = OciClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode, warn=module.warn)
        return ensure_present(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
