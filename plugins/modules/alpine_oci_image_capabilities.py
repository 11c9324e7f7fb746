# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_oci_image_capabilities
short_description: Say what instances of an image in Oracle Cloud may be launched with
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Manages the capability schema of a custom image, which sets the firmware and the kinds of volumes and network
    interfaces that instances are launched with, whatever the image's launch options say.
  - An image has one schema at most; one that exists is updated, and capabilities in it that this module does not
    manage are kept.
  - Only what the region's global schema allows can be set. A default of this module that it does not allow is left to
    the region with a warning; firmware, and what O(capabilities) asks for, is an error then.
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
    description: Whether the image has a capability schema.
    type: str
    choices:
      - present
      - absent
    default: present
  image_id:
    description: OCID of the image. May be empty in check mode only, before an import.
    type: str
  compartment_id:
    description: OCID of the compartment in which to create the schema. Needed when O(state=present).
    type: str
  name:
    description: Display name of a schema that has to be created. By default made from O(image_id).
    type: str
  firmware:
    description:
      - The firmware that the disk boots with. A V(hybrid) image allows both, with UEFI as the default.
      - Needed when O(state=present).
    type: str
    choices:
      - bios
      - uefi
      - hybrid
  architecture:
    description: The architecture of the image; on V(aarch64) only UEFI is possible.
    type: str
    choices:
      - x86_64
      - aarch64
  capabilities:
    description:
      - Capabilities to set otherwise than this module does, by name, such as C(Network.AttachmentType).
      - Each is a dictionary with C(default) and C(values), the latter not for booleans. An empty value leaves the
        capability as it is.
      - Without it C(Compute.LaunchMode), C(Network.AttachmentType), C(Storage.BootVolumeType),
        C(Storage.RemoteDataVolumeType) and C(Storage.LocalDataVolumeType) are V(PARAVIRTUALIZED) only;
        C(Compute.SecureBoot), C(Compute.AMD_SecureEncryptedVirtualization), C(Storage.ConsistentVolumeNaming) and
        C(Storage.Iscsi.MultipathDeviceSupported) are off; C(Storage.ParaVirtualization.EncryptionInTransit) is on;
        C(Storage.ParaVirtualization.AttachmentVersion) is 1 or 2, by default 2.
    type: dict
"""

EXAMPLES = r"""
- name: Let instances of a hybrid image boot with UEFI, or BIOS on demand
  alpine.cloud.alpine_oci_image_capabilities:
    image_id: "{{ image_id }}"
    compartment_id: "{{ compartment_id }}"
    architecture: x86_64
    firmware: hybrid
    capabilities:
      Network.AttachmentType:
        default: PARAVIRTUALIZED
        values: [PARAVIRTUALIZED, VFIO]
"""

RETURN = r"""
image_id:
  description: OCID of the image.
  returned: success
  type: str
  sample: ocid1.image.oc1.eu-frankfurt-1.aaaaaaaaexample
schema_id:
  description: OCID of the image's capability schema; V(null) in check mode when it would have to be created.
  returned: success
  type: str
  sample: ocid1.computeimgcapschema.oc1.eu-frankfurt-1.aaaaaaaaexample
global_schema_version:
  description: Name of the version of the region's global schema that bounds it.
  returned: success
  type: str
  sample: 8c8b5a5e-9e55-4c6d-a2f2-7fd1b6b5f4b4
capabilities:
  description: What the schema says, by capability.
  returned: success
  type: dict
  sample:
    Compute.Firmware:
      default: UEFI_64
      values: [UEFI_64]
firmware:
  description: The firmware that instances are launched with by default.
  returned: success
  type: str
  sample: UEFI_64
launch_options:
  description: The launch options of the image itself, read back; the schema wins over them at launch.
  returned: success
  type: dict
  sample:
    boot_volume_type: PARAVIRTUALIZED
    firmware: UEFI_64
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._core.wait import WAIT_ARGUMENT_SPEC
from ..module_utils._oci.auth import OCI_ARGUMENT_SPEC
from ..module_utils._oci.clients import OciClients
from ..module_utils._oci.image_capabilities import ImageCapabilitiesRequest, ensure_absent, ensure_present


def main() -> None:
    argument_spec: dict[str, Any] = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "image_id": {"type": "str"},
        "compartment_id": {"type": "str"},
        "name": {"type": "str"},
        "firmware": {"type": "str", "choices": ["bios", "uefi", "hybrid"]},
        "architecture": {"type": "str", "choices": ["x86_64", "aarch64"]},
        "capabilities": {"type": "dict"},
        **OCI_ARGUMENT_SPEC,
        **WAIT_ARGUMENT_SPEC,
    }
    module = AnsibleModule(
        argument_spec,
        supports_check_mode=True,
        required_if=[("state", "present", ["firmware", "compartment_id"])],
    )

    def operation() -> dict[str, Any]:
        request = ImageCapabilitiesRequest.from_params(module.params)
        clients = OciClients.from_params(module.params)
        if module.params["state"] == "absent":
            return ensure_absent(clients, request, check_mode=module.check_mode)
        return ensure_present(clients, request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
