# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_s3_object
short_description: Upload a VHD to an S3 bucket
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Uploads a VHD to S3, in parallel parts when it is large, so that M(alpine.cloud.alpine_ec2_import_snapshot) can
    import it.
  - The object carries the SHA-256 of the source image as metadata C(source-sha256), and its own as
    C(content-sha256). An object with the same content is left as it is; one of another image is never overwritten.
  - When an upload fails, its parts are removed, and so is a bucket that was created for it.
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_aws
  - alpine.cloud._aws
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
      - V(present) uploads the file unless the bucket has it.
      - V(absent) deletes the object and what interrupted uploads have left of it. Where the bucket keeps versions, all
        of this content are deleted, and the delete markers if no version is left.
    type: str
    choices:
      - present
      - absent
    default: present
  bucket:
    description:
      - Name of the bucket, which must be in O(region).
      - If it is left out, the name is derived from the account, the region and O(source_sha256), so it is a bucket for
        just this image, called C(alpine-cloud-) and 32 hexadecimal digits.
    type: str
  key:
    description: Key of the object.
    type: str
    required: true
  src:
    description: Path of the VHD, fixed or dynamic. Needed when O(state=present).
    type: path
  source_sha256:
    description:
      - SHA-256 of the source qcow2 image, in hexadecimal, the identity of what is imported.
      - Needed when O(state=present).
      - With O(state=absent), an object that carries another one or none is an error, and nothing is removed. Without
        it, O(key) alone decides, whatever the object is.
    type: str
  create_bucket:
    description:
      - Create the bucket if it does not exist, private and with all public access blocked.
      - A bucket that exists is left as it is.
    type: bool
    default: false
  delete_bucket:
    description: With O(state=absent), delete the bucket too if nothing else is in it.
    type: bool
    default: false
  best_effort:
    description:
      - With O(state=absent), warn of what cannot be removed, such as for want of a permission, instead of failing, and
        return it as RV(remains).
    type: bool
    default: false
seealso:
  - module: alpine.cloud.alpine_ec2_import_snapshot
"""

EXAMPLES = r"""
- name: Upload a VHD into a bucket of its own
  alpine.cloud.alpine_s3_object:
    region: eu-central-1
    key: alpine-3.24.2-x86_64-tiny-r0.vhd
    src: /srv/images/alpine-3.24.2-x86_64-tiny-r0.vhd
    source_sha256: "{{ image.sha256 }}"
    create_bucket: true
  register: upload

- name: Remove both when the snapshot has been imported
  alpine.cloud.alpine_s3_object:
    region: eu-central-1
    bucket: "{{ upload.bucket }}"
    key: "{{ upload.key }}"
    state: absent
    delete_bucket: "{{ upload.bucket_created }}"
"""

RETURN = r"""
bucket:
  description: Name of the bucket.
  returned: success
  type: str
  sample: alpine-cloud-4c7b1f0c8a1d4a5e9d3b2f6071829384
key:
  description: Key of the object.
  returned: success
  type: str
  sample: alpine-3.24.2-x86_64-tiny-r0.vhd
url:
  description: Bucket and key.
  returned: success
  type: str
  sample: s3://my-bucket/alpine-3.24.2-x86_64-tiny-r0.vhd
region:
  description: Region of the bucket.
  returned: success
  type: str
  sample: eu-central-1
size:
  description: Size of the object in bytes; V(null) when there is neither an object nor a file to measure.
  returned: success
  type: int
  sample: 112459264
content_sha256:
  description: SHA-256 of the object, like RV(size).
  returned: success
  type: str
source_sha256:
  description: SHA-256 of the source image, if it was given.
  returned: success
  type: str
bucket_created:
  description: Whether the bucket was created, or would be in check mode.
  returned: when O(state=present)
  type: bool
remains:
  description: What could not be removed, with O(best_effort=true).
  returned: when O(state=absent)
  type: list
  elements: str
  sample: []
bucket_deleted:
  description: Whether the bucket was deleted, or would be in check mode.
  returned: when O(state=absent)
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._aws.auth import AWS_ARGUMENT_SPEC
from ..module_utils._aws.clients import AwsClients
from ..module_utils._aws.s3_object import S3ObjectRequest, ensure_absent, ensure_present
from ..module_utils._core.module import run_module


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AWS_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "bucket": {"type": "str"},
            "key": {"type": "str", "required": True, "no_log": False},
            "src": {"type": "path"},
            "source_sha256": {"type": "str"},
            "create_bucket": {"type": "bool", "default": False},
            "delete_bucket": {"type": "bool", "default": False},
            "best_effort": {"type": "bool", "default": False},
        },
        required_if=[("state", "present", ("src", "source_sha256"))],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = S3ObjectRequest.from_params(module.params)
        clients = AwsClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode, warn=module.warn)
        return ensure_present(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
