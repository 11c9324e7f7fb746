# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_oci_image
short_description: Import an image from a bucket as a custom image in Oracle Cloud
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Imports a qcow2 image from Object Storage as a custom image, follows the import to its end and reads back what
    was asked for.
  - The image carries the SHA-256 of the source image as freeform tag C(source-sha256). By this and its name an earlier
    run's image is found, also while it is still being imported. Names are not unique in Oracle Cloud, but this module
    treats another image of the same name as a conflict.
  - "About firmware: the documented presets of O(launch_mode) cannot express it. With V(CUSTOM) this module sends
    launch options that the API takes, though its documentation lacks them, and reads them back. Where a region ignores
    or refuses them, the module warns, RV(firmware_from) says V(capabilities), and
    M(alpine.cloud.alpine_oci_image_capabilities) has to set the firmware, which it can."
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._attributes.actiongroup_oci
  - alpine.cloud._oci
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
      - V(present) imports the image unless there is one of the same content; tags and operating system are converged.
      - V(absent) deletes all images of this name in O(compartment_id), whoever has made them. With O(source_sha256) it
        fails, and deletes nothing, where one of them carries another C(source-sha256) or none.
    type: str
    choices:
      - present
      - absent
    default: present
  name:
    description: Display name of the image.
    type: str
    required: true
    aliases:
      - display_name
  compartment_id:
    description: OCID of the compartment that holds the image.
    type: str
    required: true
  source_sha256:
    description: SHA-256 of the source qcow2 image, in hexadecimal. Needed when O(state=present).
    type: str
  bucket:
    description: Name of the bucket that holds the image file. Needed when an import has to be started.
    type: str
  object_name:
    description: Name of the object in O(bucket). Needed when an import has to be started.
    type: str
  namespace:
    description: Object Storage namespace. Looked up when it is not given.
    type: str
  source_image_type:
    description: Format of the image file.
    type: str
    choices:
      - QCOW2
      - VMDK
    default: QCOW2
  firmware:
    description:
      - The firmware that the disk boots with. A V(hybrid) image is launched with UEFI.
      - Needed when O(state=present).
    type: str
    choices:
      - bios
      - uefi
      - hybrid
  architecture:
    description: The architecture of the image; refuses V(bios) on V(aarch64).
    type: str
    choices:
      - x86_64
      - aarch64
  launch_mode:
    description:
      - The launch mode at import. By default V(CUSTOM) for UEFI and V(PARAVIRTUALIZED), which implies BIOS, for BIOS.
    type: str
    choices:
      - CUSTOM
      - PARAVIRTUALIZED
      - NATIVE
      - EMULATED
  launch_options:
    description: Launch options to use with V(CUSTOM), instead of paravirtualized ones.
    type: dict
    suboptions:
      boot_volume_type:
        description: Emulation type of the boot volume, by default V(PARAVIRTUALIZED).
        type: str
        choices: [ISCSI, SCSI, IDE, VFIO, PARAVIRTUALIZED, NVME]
      network_type:
        description: Emulation type of the network interface, by default V(PARAVIRTUALIZED).
        type: str
        choices: [E1000, VFIO, PARAVIRTUALIZED, ACCELERATEDPV]
      remote_data_volume_type:
        description: Emulation type of data volumes, by default V(PARAVIRTUALIZED).
        type: str
        choices: [ISCSI, SCSI, IDE, VFIO, PARAVIRTUALIZED, NVME]
      is_pv_encryption_in_transit_enabled:
        description: Whether paravirtualized volumes are encrypted in transit, by default V(false).
        type: bool
      is_consistent_volume_naming_enabled:
        description: Whether the guest has consistent names for volumes, by default V(false).
        type: bool
  freeform_tags:
    description: Freeform tags of the image. Others that it has are kept.
    type: dict
  operating_system:
    description: The operating system as the console shows it. By default V(Alpine Linux), or what an image has.
    type: str
  operating_system_version:
    description: The version of the operating system as the console shows it.
    type: str
"""

EXAMPLES = r"""
- name: Import an image
  alpine.cloud.alpine_oci_image:
    name: alpine-3.24.2-aarch64-tiny-r0
    compartment_id: "{{ compartment_id }}"
    bucket: images
    object_name: alpine-3.24.2-aarch64-tiny-r0.qcow2
    source_sha256: "{{ source_sha256 }}"
    architecture: aarch64
    firmware: uefi
    operating_system_version: 3.24.2
"""

RETURN = r"""
image_id:
  description: OCID of the image; V(null) in check mode when it would have to be imported.
  returned: when O(state=present)
  type: str
  sample: ocid1.image.oc1.eu-frankfurt-1.aaaaaaaaexample
image_ids:
  description: OCIDs of the images that were deleted, or would be.
  returned: when O(state=absent)
  type: list
  elements: str
  sample: [ocid1.image.oc1.eu-frankfurt-1.aaaaaaaaexample]
name:
  description: Display name of the image.
  returned: when O(state=present)
  type: str
  sample: alpine-3.24.2-aarch64-tiny-r0
region:
  description: The region that holds the image.
  returned: when O(state=present)
  type: str
  sample: eu-frankfurt-1
lifecycle_state:
  description: The state of the image; V(null) when there is none.
  returned: when O(state=present)
  type: str
  sample: AVAILABLE
launch_mode:
  description: The launch mode of the image.
  returned: when O(state=present)
  type: str
  sample: CUSTOM
launch_options:
  description: The launch options, read back from the image, or those that would be asked for.
  returned: when O(state=present)
  type: dict
  sample:
    boot_volume_type: PARAVIRTUALIZED
    firmware: UEFI_64
firmware:
  description: The firmware that instances are to be launched with.
  returned: when O(state=present)
  type: str
  sample: UEFI_64
firmware_from:
  description:
    - V(launch_options) if the image itself says so.
    - V(capabilities) if its capability schema has to.
    - V(null) while the image does not exist or is being imported.
  returned: when O(state=present)
  type: str
  sample: launch_options
freeform_tags:
  description: Freeform tags of the image.
  returned: when O(state=present)
  type: dict
  sample:
    source-sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
source_sha256:
  description: SHA-256 of the source image.
  returned: when O(state=present)
  type: str
  sample: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
size_in_mbs:
  description: Size of the boot volume for an instance of the image, in MiB.
  returned: when O(state=present)
  type: int
  sample: 1024
work_request_id:
  description: OCID of the work request of an import that this run began or followed.
  returned: when O(state=present)
  type: str
  sample: ocid1.coreservicesworkrequest.oc1.eu-frankfurt-1.aaaaaaaaexample
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC
from ..module_utils._oci.auth import OCI_ARGUMENT_SPEC
from ..module_utils._oci.clients import OciClients
from ..module_utils._oci.custom_image import CustomImageRequest, ensure_absent, ensure_present

_VOLUME_TYPES = ["ISCSI", "SCSI", "IDE", "VFIO", "PARAVIRTUALIZED", "NVME"]


def main() -> None:
    argument_spec: dict[str, Any] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str", "required": True, "aliases": ["display_name"]},
        "compartment_id": {"type": "str", "required": True},
        "source_sha256": {"type": "str"},
        "bucket": {"type": "str"},
        "object_name": {"type": "str"},
        "namespace": {"type": "str"},
        "source_image_type": {"type": "str", "choices": ["QCOW2", "VMDK"], "default": "QCOW2"},
        "firmware": {"type": "str", "choices": ["bios", "uefi", "hybrid"]},
        "architecture": {"type": "str", "choices": ["x86_64", "aarch64"]},
        "launch_mode": {"type": "str", "choices": ["CUSTOM", "PARAVIRTUALIZED", "NATIVE", "EMULATED"]},
        "launch_options": {
            "type": "dict",
            "options": {
                "boot_volume_type": {"type": "str", "choices": _VOLUME_TYPES},
                "network_type": {"type": "str", "choices": ["E1000", "VFIO", "PARAVIRTUALIZED", "ACCELERATEDPV"]},
                "remote_data_volume_type": {"type": "str", "choices": _VOLUME_TYPES},
                "is_pv_encryption_in_transit_enabled": {"type": "bool"},
                "is_consistent_volume_naming_enabled": {"type": "bool"},
            },
        },
        "freeform_tags": {"type": "dict"},
        "operating_system": {"type": "str"},
        "operating_system_version": {"type": "str"},
        **OCI_ARGUMENT_SPEC,
        **WAIT_ARGUMENT_SPEC,
    }
    module = AnsibleModule(
        argument_spec,
        supports_check_mode=True,
        required_if=[("state", "present", ["source_sha256", "firmware"])],
    )

    def operation() -> dict[str, Any]:
        request = CustomImageRequest.from_params(module.params)
        clients = OciClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode)
        return ensure_present(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
