# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Import a Compute Engine image from an archive in Cloud Storage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_gcp_image
short_description: Import an image into Google Compute Engine
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Creates a Compute Engine image from an archive in Cloud Storage, and waits until it is ready.
  - The image carries O(source_sha256), less its last digit, as label C(source-sha256). An image of the same name with
    the same label is adopted, also while its import is still under way; one that an earlier import has left failed
    is deleted and imported anew; one with other content is not touched.
  - Labels, family and description of an existing image are changed in place. Compute Engine fixes the architecture, the
    guest OS features and the storage location at creation.
extends_documentation_fragment:
  - alpine.cloud._gcp
  - alpine.cloud._wait
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
  - google-cloud-compute >= 1.19
options:
  state:
    description: V(present) creates the image, V(absent) deletes it.
    type: str
    choices:
      - present
      - absent
    default: present
  name:
    description:
      - The image's name, a lower-case letter and up to 62 lower-case letters, digits and dashes.
      - An Alpine image's own name has to be spelled with dashes, V(alpine-3-24-2-x86-64-tiny-r0).
    type: str
    required: true
  source:
    description:
      - The archive, as V(gs://BUCKET/OBJECT) or V(https://storage.googleapis.com/BUCKET/OBJECT).
      - Needed unless the image is there already. In check mode the object may be missing.
    type: str
  source_sha256:
    description:
      - The SHA-256 of the source image, from which the archive was converted. It is the identity of the content.
      - Required with O(state=present). With O(state=absent), the module fails where the image holds other content;
        without it, the name alone decides what is deleted.
    type: str
  architecture:
    description:
      - The architecture, as Alpine calls it.
      - Required with O(state=present).
    type: str
    choices:
      - x86_64
      - aarch64
  firmware:
    description:
      - What the disk can be booted by. V(uefi) and V(hybrid) add V(UEFI_COMPATIBLE) to O(guest_os_features).
      - Required with O(state=present). V(bios) is impossible with O(architecture=aarch64).
    type: str
    choices:
      - bios
      - uefi
      - hybrid
  guest_os_features:
    description: The guest OS features besides V(UEFI_COMPATIBLE).
    type: list
    elements: str
    default:
      - GVNIC
      - VIRTIO_SCSI_MULTIQUEUE
  family:
    description:
      - The image family, a name that stands for its newest image.
      - When left out, an existing image keeps its own; an empty string removes it.
    type: str
  labels:
    description:
      - The image's labels besides C(source-sha256); others are removed.
      - When left out, an existing image keeps its own.
    type: dict
  description:
    description:
      - A text about the image.
      - When left out, an existing image keeps its own.
    type: str
  storage_locations:
    description: The region or multi-region that stores the image; by default the multi-region nearest to the object.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Import an image
  alpine.cloud.alpine_gcp_image:
    project: my-project
    auth_kind: serviceaccount
    service_account_file: /etc/keys/importer.json
    name: alpine-3-24-2-x86-64-tiny-r0
    source: gs://my-images/alpine-3.24.2-x86_64-tiny-r0.raw.tar.gz
    source_sha256: "{{ alpine_image_result.sha256 }}"
    architecture: x86_64
    firmware: hybrid
    family: alpine-x86-64-uefi-tiny
    labels:
      team: platform

- name: Delete the image
  alpine.cloud.alpine_gcp_image:
    project: my-project
    name: alpine-3-24-2-x86-64-tiny-r0
    state: absent
"""

RETURN = r"""
name:
  description: The image's name.
  type: str
  returned: success
id:
  description: The image's numeric ID; null when there is no image yet, or no longer.
  type: str
  returned: success
  sample: "4611686018427387904"
self_link:
  description: The image's URL, by which an instance can be created; null when there is no image.
  type: str
  returned: success
  sample: https://www.googleapis.com/compute/v1/projects/my-project/global/images/alpine-3-24-2-x86-64-tiny-r0
status:
  description:
    - V(READY), or V(PENDING) while an import is under way; null when there is no image.
    - In check mode also V(FAILED), when what an earlier import has left would be replaced.
  type: str
  returned: success
architecture:
  description: The architecture, as Compute Engine calls it.
  type: str
  returned: O(state=present)
  sample: X86_64
guest_os_features:
  description: The guest OS features, in alphabetical order.
  type: list
  elements: str
  returned: O(state=present)
  sample: [GVNIC, UEFI_COMPATIBLE, VIRTIO_SCSI_MULTIQUEUE]
family:
  description: The image family; empty when there is none.
  type: str
  returned: O(state=present)
labels:
  description: All labels.
  type: dict
  returned: O(state=present)
description:
  description: The text about the image.
  type: str
  returned: O(state=present)
storage_locations:
  description: Where the image is stored.
  type: list
  elements: str
  returned: O(state=present)
disk_size_gb:
  description: The size of the disk, in GiB; null when there is no image.
  type: int
  returned: success
archive_size_bytes:
  description: The size of the archive; null when there is no image.
  type: int
  returned: success
creation_timestamp:
  description: When the image was created; null when there is no image.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC
from ..module_utils._gcp.auth import GCP_ARGUMENT_SPEC
from ..module_utils._gcp.clients import GcpClients
from ..module_utils._gcp.gce_image import GceImageRequest, ensure_absent, ensure_present
from ..module_utils._gcp.guest_os import ARCHITECTURES, DEFAULT_FEATURES


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **GCP_ARGUMENT_SPEC,
            **WAIT_ARGUMENT_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "name": {"type": "str", "required": True},
            "source": {"type": "str"},
            "source_sha256": {"type": "str"},
            "architecture": {"type": "str", "choices": list(ARCHITECTURES)},
            "firmware": {"type": "str", "choices": ["bios", "uefi", "hybrid"]},
            "guest_os_features": {"type": "list", "elements": "str", "default": DEFAULT_FEATURES},
            "family": {"type": "str"},
            "labels": {"type": "dict"},
            "description": {"type": "str"},
            "storage_locations": {"type": "list", "elements": "str"},
        },
        required_if=[("state", "present", ["source_sha256", "architecture", "firmware"])],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = GceImageRequest.from_params(module.params)
        clients = GcpClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode)
        return ensure_present(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
