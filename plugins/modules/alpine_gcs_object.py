# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Upload an image archive to Cloud Storage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_gcs_object
short_description: Upload an image archive to Google Cloud Storage
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Puts the C(.tar.gz) that M(alpine.cloud.alpine_gcp_image) imports into a Cloud Storage bucket.
  - The file is checked first. Compute Engine takes a gzip-compressed tar file in GNU format that holds nothing but
    C(disk.raw), of whole GiB; M(alpine.cloud.alpine_image_convert) makes one.
  - The upload is resumable, in chunks that are repeated after a transient failure, and verified by CRC32C. The object
    appears when it is complete, never in part.
  - The object carries O(source_sha256) as metadata C(source-sha256). An object with the same one is not uploaded again,
    another one under the same name is not overwritten.
extends_documentation_fragment:
  - alpine.cloud._gcp
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_gcp
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - google-cloud-storage >= 3.0
options:
  state:
    description:
      - V(present) uploads the file, V(absent) deletes the object.
      - A bucket is never deleted.
    type: str
    choices:
      - present
      - absent
    default: present
  bucket:
    description: The bucket.
    type: str
    required: true
  name:
    description: The object's name in the bucket, ending with C(.tar.gz).
    type: str
    required: true
  src:
    description:
      - The file to upload.
      - Needed unless the object is there already. In check mode it may be missing.
    type: path
  source_sha256:
    description:
      - The SHA-256 of the source image, from which O(src) was converted. It is the identity of the content.
      - Required with O(state=present). With O(state=absent), the module fails where the object holds other content;
        without it, the name alone decides what is deleted.
    type: str
  create_bucket:
    description:
      - Create the bucket if it does not exist, with uniform bucket-level access and public access prevention, and
        without soft delete, which would keep what was removed for seven days.
      - Needs the permission to look at buckets, which an upload alone does not need.
    type: bool
    default: false
  location:
    description: The region or multi-region of a bucket that is created, such as V(EUROPE-WEST1); by default V(US).
    type: str
  best_effort:
    description:
      - With O(state=absent), warn instead of failing when the object cannot be removed, as under a retention policy or
        without the right to delete; RV(remains) says so.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Upload an image archive
  alpine.cloud.alpine_gcs_object:
    project: my-project
    auth_kind: serviceaccount
    service_account_file: /etc/keys/importer.json
    bucket: my-images
    create_bucket: true
    location: EUROPE-WEST1
    name: alpine-3.24.2-x86_64-tiny-r0.raw.tar.gz
    src: /var/tmp/alpine/alpine-3.24.2-x86_64-tiny-r0.raw.tar.gz
    source_sha256: "{{ alpine_image_result.sha256 }}"

- name: Delete it after the import
  alpine.cloud.alpine_gcs_object:
    project: my-project
    bucket: my-images
    name: alpine-3.24.2-x86_64-tiny-r0.raw.tar.gz
    state: absent
"""

RETURN = r"""
bucket:
  description: The bucket.
  type: str
  returned: success
bucket_created:
  description: Whether this run created the bucket, or would have in check mode.
  type: bool
  returned: success
name:
  description: The object's name.
  type: str
  returned: success
uri:
  description: The object as a C(gs://) URI.
  type: str
  returned: success
  sample: gs://my-images/alpine-3.24.2-x86_64-tiny-r0.raw.tar.gz
url:
  description: The object's URL, as O(alpine.cloud.alpine_gcp_image#module:source) takes it too.
  type: str
  returned: success
  sample: https://storage.googleapis.com/my-images/alpine-3.24.2-x86_64-tiny-r0.raw.tar.gz
size:
  description: The object's size in bytes; null when it is not known.
  type: int
  returned: success
crc32c:
  description: The object's CRC32C as Cloud Storage tells it, in Base64; null when there is no object.
  type: str
  returned: success
generation:
  description: The object's generation; null when there is no object.
  type: str
  returned: success
remains:
  description: What could not be removed, by its URI.
  type: list
  elements: str
  returned: O(state=absent)
source_sha256:
  description: The SHA-256 of the source image.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._gcp.auth import GCP_ARGUMENT_SPEC
from ..module_utils._gcp.clients import GcpClients
from ..module_utils._gcp.gcs_object import GcsObjectRequest, ensure_absent, ensure_present


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **GCP_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "bucket": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "src": {"type": "path"},
            "source_sha256": {"type": "str"},
            "create_bucket": {"type": "bool", "default": False},
            "location": {"type": "str"},
            "best_effort": {"type": "bool", "default": False},
        },
        required_if=[("state", "present", ["source_sha256"])],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = GcsObjectRequest.from_params(module.params)
        clients = GcpClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode, warn=module.warn)
        return ensure_present(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
