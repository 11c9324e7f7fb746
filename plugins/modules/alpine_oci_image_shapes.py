# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_oci_image_shapes
short_description: Say which shapes an image in Oracle Cloud is compatible with
version_added: "0.1.0"
author: The alpine.cloud authors (@alpine-cloud)
description:
  - Manages the compatible shapes of a custom image. After an import these are x86 virtual machine shapes, whatever
    the image is.
  - Shapes of another architecture are removed, those asked for are added. Where the constraints of a flexible shape
    differ, its entry is removed and added again, since the API keeps the old ones silently.
  - Aliases such as C(VM.Standard.x86.Generic) are left to Oracle Cloud, which manages them itself.
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
  image_id:
    description: OCID of the image. May be empty in check mode only, before an import.
    type: str
  compartment_id:
    description: OCID of the compartment whose shapes are looked up.
    type: str
    required: true
  architecture:
    description: The architecture of the image.
    type: str
    required: true
    choices:
      - x86_64
      - aarch64
  shapes:
    description:
      - The shapes to add.
      - "By default those of these that the region offers, for V(x86_64): C(VM.Standard.E4.Flex),
        C(VM.Standard.E5.Flex), C(VM.Standard.E6.Flex) and C(VM.Standard3.Flex); for V(aarch64):
        C(VM.Standard.A1.Flex), C(VM.Standard.A2.Flex), C(VM.Standard.A4.Flex), C(BM.Standard.A1.160) and
        C(BM.Standard.A4.48)."
      - Constraints that are left out stay as an entry has them; those of a new one allow all that the shape can have.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the shape.
        type: str
        required: true
      ocpu_constraints:
        description: How many OCPUs an instance may have. By default all that the shape allows.
        type: dict
        suboptions:
          min:
            description: The least number of OCPUs.
            type: int
          max:
            description: The greatest number of OCPUs.
            type: int
      memory_constraints:
        description: How much memory an instance may have. By default all that the shape allows.
        type: dict
        suboptions:
          min_in_gbs:
            description: The least memory, in GiB.
            type: int
          max_in_gbs:
            description: The most memory, in GiB.
            type: int
  purge:
    description: Remove all other shapes, even those of the right architecture.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Let an ARM image run on ARM shapes
  alpine.cloud.alpine_oci_image_shapes:
    image_id: "{{ image_id }}"
    compartment_id: "{{ compartment_id }}"
    architecture: aarch64

- name: Let an image run on one shape only
  alpine.cloud.alpine_oci_image_shapes:
    image_id: "{{ image_id }}"
    compartment_id: "{{ compartment_id }}"
    architecture: x86_64
    purge: true
    shapes:
      - name: VM.Standard.E5.Flex
        ocpu_constraints:
          max: 8
"""

RETURN = r"""
image_id:
  description: OCID of the image.
  returned: success
  type: str
  sample: ocid1.image.oc1.eu-frankfurt-1.aaaaaaaaexample
shapes:
  description: The shapes that the image is compatible with, ordered by name.
  returned: success
  type: list
  elements: dict
  sample:
    - name: VM.Standard.A1.Flex
      ocpu_constraints:
        min: 1
        max: 80
      memory_constraints:
        min_in_gbs: 1
        max_in_gbs: 512
added:
  description: The names of the shapes that were added.
  returned: success
  type: list
  elements: str
  sample: [VM.Standard.A1.Flex]
removed:
  description: The names of the shapes that were removed.
  returned: success
  type: list
  elements: str
  sample: [VM.Standard2.1]
updated:
  description: The names of the shapes whose constraints were changed.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._oci.auth import OCI_ARGUMENT_SPEC
from ..module_utils._oci.clients import OciClients
from ..module_utils._oci.image_shapes import ImageShapesRequest, ensure_present


def main() -> None:
    argument_spec: dict[str, Any] = {
        "image_id": {"type": "str"},
        "compartment_id": {"type": "str", "required": True},
        "architecture": {"type": "str", "required": True, "choices": ["x86_64", "aarch64"]},
        "shapes": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "ocpu_constraints": {"type": "dict", "options": {"min": {"type": "int"}, "max": {"type": "int"}}},
                "memory_constraints": {
                    "type": "dict",
                    "options": {"min_in_gbs": {"type": "int"}, "max_in_gbs": {"type": "int"}},
                },
            },
        },
        "purge": {"type": "bool", "default": False},
        **OCI_ARGUMENT_SPEC,
    }
    module = AnsibleModule(argument_spec, supports_check_mode=True)

    def operation() -> dict[str, Any]:
        request = ImageShapesRequest.from_params(module.params)
        clients = OciClients.from_params(module.params)
        return ensure_present(clients, request, check_mode=module.check_mode)

    run_module(module, operation)


if __name__ == "__main__":
    main()
