# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_ec2_import_snapshot
short_description: Import a VHD from S3 as an EBS snapshot
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Imports a VHD from an S3 bucket as an EBS snapshot, with C(ImportSnapshot), and tags it with the SHA-256 of the
    source image as C(source-sha256).
  - A snapshot with that tag is adopted, wherever it came from. So is an import task of the same image that is under
    way, or that has completed but whose snapshot was not tagged.
  - The account needs the service role of VM Import, see O(role_name).
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_aws
  - alpine.cloud._aws
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
      - V(present) imports the snapshot unless it exists.
      - V(absent) deletes each snapshot of the image, and cancels an import task of it. One in use by an AMI
        cannot be deleted.
    type: str
    choices:
      - present
      - absent
    default: present
  name:
    description:
      - Name of the snapshot, its tag C(Name). Needed when O(state=present).
      - It is not what the snapshot is found by.
    type: str
  source_sha256:
    description:
      - SHA-256 of the source qcow2 image, in hexadecimal, the identity of what is imported.
    type: str
    required: true
  bucket:
    description: Name of the bucket. Needed when there is no snapshot yet.
    type: str
  key:
    description: Key of the VHD in O(bucket). Needed when there is no snapshot yet.
    type: str
  role_name:
    description:
      - Name of the service role that VM Import assumes to read the bucket.
      - It must trust C(vmie.amazonaws.com) and may read O(bucket), see
        U(https://docs.aws.amazon.com/vm-import/latest/userguide/required-permissions.html#vmimport-role).
    type: str
    default: vmimport
  tags:
    description:
      - Tags for the snapshot and the import task, over C(Name) and C(source-sha256).
      - Tags that others have put there are left alone.
    type: dict
    default: {}
seealso:
  - module: alpine.cloud.alpine_s3_object
  - module: alpine.cloud.alpine_ec2_image
"""

EXAMPLES = r"""
- name: Import the uploaded VHD
  alpine.cloud.alpine_ec2_import_snapshot:
    region: eu-central-1
    name: alpine-3.24.2-x86_64-tiny-r0
    source_sha256: "{{ image.sha256 }}"
    bucket: "{{ upload.bucket }}"
    key: "{{ upload.key }}"
    tags:
      project: alpine
"""

RETURN = r"""
snapshot_id:
  description: The snapshot; V(null) when there is none yet.
  returned: success
  type: str
  sample: snap-0b6a1c2d3e4f50617
state:
  description: State of the snapshot or, before there is one, of the import task.
  returned: success
  type: str
  sample: completed
volume_size:
  description: Size of the snapshot in GiB; V(null) when there is none yet.
  returned: success
  type: int
  sample: 1
import_task_id:
  description: The import task that was started or adopted, else V(null).
  returned: success
  type: str
  sample: import-snap-0bd6fdf1d41b31bcb
region:
  description: Region of the snapshot.
  returned: success
  type: str
  sample: eu-central-1
source_sha256:
  description: SHA-256 of the source image.
  returned: success
  type: str
tags:
  description: Tags of the snapshot.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._aws.auth import AWS_ARGUMENT_SPEC
from ..module_utils._aws.clients import AwsClients
from ..module_utils._aws.snapshot_import import SnapshotImportRequest, ensure_absent, ensure_present
from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AWS_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "name": {"type": "str"},
            "source_sha256": {"type": "str", "required": True},
            "bucket": {"type": "str"},
            "key": {"type": "str", "no_log": False},
            "role_name": {"type": "str", "default": "vmimport"},
            "tags": {"type": "dict", "default": {}},
        },
        required_if=[("state", "present", ("name",))],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = SnapshotImportRequest.from_params(module.params)
        clients = AwsClients.from_params(module.params)
        change = ensure_absent if module.params["state"] == "absent" else ensure_present
        return change(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
