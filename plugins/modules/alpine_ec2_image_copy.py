# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_ec2_image_copy
short_description: Copy an AMI to other regions
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Copies an AMI to a list of regions, to all of them at the same time, and waits until every copy is available.
  - Copies, and their snapshots, are tagged with the SHA-256 of the source image as C(source-sha256). In each region an
    image of this name and content is adopted; a copy that has failed is replaced.
  - When a region fails, the others still land; the task then fails, with what landed in RV(ignore:failure.details).
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
      - V(present) copies the image to the regions that do not have it.
      - V(absent) deregisters each copy of this name and content in O(regions).
    type: str
    choices:
      - present
      - absent
    default: present
  image_id:
    description: The image to copy, which is in O(region). Needed when O(state=present).
    type: str
  name:
    description: Name of the copies.
    type: str
    required: true
  source_sha256:
    description:
      - SHA-256 of the source qcow2 image, in hexadecimal, the identity of what is imported.
    type: str
    required: true
  regions:
    description:
      - The regions to copy to. They must be enabled in the account.
      - The source's own O(region) is skipped.
    type: list
    elements: str
    required: true
  description:
    description: Description of the copies, of 255 characters at most. That of the source if not given.
    type: str
  tags:
    description:
      - Tags for the copies, over C(Name) and C(source-sha256).
      - Tags that others have put there are left alone.
    type: dict
    default: {}
  deprecate_at:
    description:
      - When to deprecate the copies, a date such as V(2028-05-01), whose last minute in UTC is meant, or a date and
        time such as V(2028-05-01T12:00:00Z).
      - From then on EC2 shows them to their owner only; they can still be launched.
      - It must be in the future and at most 10 years from now, unless the copies have it already.
      - Left alone if not given. With O(wait=false), a new copy gets it in the next run.
    type: str
  delete_associated_snapshots:
    description: With O(state=absent), delete the snapshots of the copies too.
    type: bool
    default: false
seealso:
  - module: alpine.cloud.alpine_ec2_image
"""

EXAMPLES = r"""
- name: Copy the image to where it is used
  alpine.cloud.alpine_ec2_image_copy:
    region: eu-central-1
    image_id: "{{ ami.image_id }}"
    name: "{{ ami.name }}"
    source_sha256: "{{ ami.source_sha256 }}"
    regions:
      - us-east-1
      - ap-southeast-2
"""

RETURN = r"""
images:
  description: The copies, in the order of O(regions).
  returned: success
  type: list
  elements: dict
  contains:
    region:
      description: Region of the copy.
      type: str
      sample: us-east-1
    image_id:
      description: The copy; V(null) when there is none yet.
      type: str
      sample: ami-04c44e8b8d63d74d1
    snapshot_id:
      description: Snapshot of its root volume; V(null) when that is not known yet.
      type: str
      sample: snap-0c92ac1657364aac7
    state:
      description: State of the copy; V(null) when there is none yet.
      type: str
      sample: available
    changed:
      description: Whether anything was done in this region, or would be in check mode.
      type: bool
source_sha256:
  description: SHA-256 of the source image.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._aws.ami_copy import AmiCopyRequest, ensure_absent, ensure_present
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
            "image_id": {"type": "str"},
            "name": {"type": "str", "required": True},
            "source_sha256": {"type": "str", "required": True},
            "regions": {"type": "list", "elements": "str", "required": True},
            "description": {"type": "str"},
            "tags": {"type": "dict", "default": {}},
            "deprecate_at": {"type": "str"},
            "delete_associated_snapshots": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = AmiCopyRequest.from_params(module.params)
        clients = AwsClients.from_params(module.params)
        change = ensure_absent if module.params["state"] == "absent" else ensure_present
        return change(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
