# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_ec2_image
short_description: Register a snapshot as an AMI
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Registers an EBS snapshot as an AMI, with ENA, IMDSv2 only, and a gp3 root volume that goes with its instance, and
    tags it with the SHA-256 of the source image as C(source-sha256).
  - An image of this name and content is adopted; one of this name with other content is an error. An image whose
    registration has failed is replaced.
  - What cannot be changed is read back, and a difference is an error. Description and tags are kept as asked for.
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
      - V(present) registers the image unless it exists.
      - V(absent) deregisters each image of this name and content.
    type: str
    choices:
      - present
      - absent
    default: present
  name:
    description: Name of the image.
    type: str
    required: true
  source_sha256:
    description:
      - SHA-256 of the source qcow2 image, in hexadecimal, the identity of what is imported.
    type: str
    required: true
  snapshot_id:
    description: The snapshot of the root volume. Needed when there is no image yet.
    type: str
  architecture:
    description: Architecture, in Alpine's words. Needed when O(state=present).
    type: str
    choices:
      - x86_64
      - aarch64
  boot_mode:
    description:
      - How instances boot. Needed when O(state=present).
      - V(uefi-preferred) is for disks with both a BIOS and a UEFI boot loader; aarch64 boots by V(uefi) only.
    type: str
    choices:
      - legacy-bios
      - uefi
      - uefi-preferred
  description:
    description: Description of the image, of 255 characters at most. Left alone if not given.
    type: str
  tags:
    description:
      - Tags for the image, over C(Name) and C(source-sha256).
      - Tags that others have put there are left alone.
    type: dict
    default: {}
  deprecate_at:
    description:
      - When to deprecate the image, a date such as V(2028-05-01), whose last minute in UTC is meant, or a date and time
        such as V(2028-05-01T12:00:00Z). From then on EC2 shows it to its owner only; it can still be launched.
      - It must be in the future and at most 10 years from now, unless the image has it already.
      - Left alone if not given. With O(wait=false), a new image gets it in the next run.
    type: str
  delete_associated_snapshots:
    description: With O(state=absent), delete the snapshots of the image too, unless another image uses them.
    type: bool
    default: false
seealso:
  - module: alpine.cloud.alpine_ec2_import_snapshot
  - module: alpine.cloud.alpine_ec2_image_copy
"""

EXAMPLES = r"""
- name: Register the imported snapshot
  alpine.cloud.alpine_ec2_image:
    region: eu-central-1
    name: alpine-3.24.2-x86_64-tiny-r0
    source_sha256: "{{ image.sha256 }}"
    snapshot_id: "{{ snapshot.snapshot_id }}"
    architecture: x86_64
    boot_mode: uefi-preferred
"""

RETURN = r"""
image_id:
  description: The image; V(null) when there is none yet.
  returned: success
  type: str
  sample: ami-0c3def8f7d9df813c
state:
  description: State of the image; V(null) when there is none yet.
  returned: success
  type: str
  sample: available
snapshot_id:
  description: Snapshot of the root volume.
  returned: success
  type: str
  sample: snap-0b6a1c2d3e4f50617
name:
  description: Name of the image.
  returned: success
  type: str
  sample: alpine-3.24.2-x86_64-tiny-r0
region:
  description: Region of the image.
  returned: success
  type: str
  sample: eu-central-1
source_sha256:
  description: SHA-256 of the source image.
  returned: success
  type: str
architecture:
  description: Architecture, in EC2's words.
  returned: success
  type: str
  sample: arm64
boot_mode:
  description: Boot mode.
  returned: success
  type: str
  sample: uefi-preferred
tags:
  description: Tags of the image.
  returned: success
  type: dict
deprecation_time:
  description: When the image is deprecated; V(null) when it is not going to be.
  returned: success
  type: str
  sample: "2028-05-01T23:59:00.000Z"
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._aws.ami import ARCHITECTURES, BOOT_MODES, AmiRequest, ensure_absent, ensure_present
from ..module_utils._aws.auth import AWS_ARGUMENT_SPEC
from ..module_utils._aws.clients import AwsClients
from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AWS_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "name": {"type": "str", "required": True},
            "source_sha256": {"type": "str", "required": True},
            "snapshot_id": {"type": "str"},
            "architecture": {"type": "str", "choices": list(ARCHITECTURES)},
            "boot_mode": {"type": "str", "choices": BOOT_MODES},
            "description": {"type": "str"},
            "tags": {"type": "dict", "default": {}},
            "deprecate_at": {"type": "str"},
            "delete_associated_snapshots": {"type": "bool", "default": False},
        },
        required_if=[("state", "present", ("architecture", "boot_mode"))],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = AmiRequest.from_params(module.params)
        clients = AwsClients.from_params(module.params)
        change = ensure_absent if module.params["state"] == "absent" else ensure_present
        return change(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
