# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Getting the disk out of what an image is packed in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_image_unpack
short_description: Get the disk out of a compressed image, an archive or a VHD
version_added: "0.1.0"
description:
  - Makes a disk that the other modules read of an image that is compressed by gzip or xz, of a C(.raw.tar.gz) archive
    as Alpine publishes for Google Cloud and for bare metal, and of a fixed or dynamic VHD, which may be compressed too.
  - What a file is, is told from its content. A qcow2 image or a raw disk is left as and where it is.
  - Disks are kept in a work directory under the SHA-256 of the file that they come from, so the next run finds them.
    They are written under another name first, so a killed run leaves nothing that the next one would trust. Several
    runs at once wait for each other.
author:
  - The alpine.cloud authors (@alpine-cloud)
extends_documentation_fragment:
  - alpine.cloud._attributes
attributes:
  check_mode:
    support: full
    details: Nothing is written, so that what is packed is only known to be packed.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - C(qemu-img) 5.1 or newer, for VHDs
options:
  src:
    description: The image on the host where the module runs.
    type: path
    required: true
  work_dir:
    description:
      - The directory where disks are kept. It is made when needed.
      - The default is C(alpine.cloud) in E(XDG_CACHE_HOME), or in C(~/.cache) when that is not set.
    type: path
  wait_timeout:
    description: How long to wait for another run that unpacks the same file, in seconds.
    type: int
    default: 3600
seealso:
  - module: alpine.cloud.alpine_image_inspect
"""

EXAMPLES = r"""
- name: Get the disk out of an archive
  alpine.cloud.alpine_image_unpack:
    src: images/alpine-3.24.2-x86_64-cloudinit-metal-r0.raw.tar.gz
  register: unpacked

- name: Look into it
  alpine.cloud.alpine_image_inspect:
    src: "{{ unpacked.path }}"
"""

RETURN = r"""
path:
  description: The disk; O(src) itself where that is one.
  returned: success
  type: str
  sample: /home/me/.cache/alpine.cloud/9f86d081…/alpine-3.24.2-x86_64-cloudinit-metal-r0.img
packing:
  description: What the disk was in; of a compressed VHD, what that was in.
  returned: success
  type: str
  choices: [none, gzip, xz, tar.gz, vhd]
  sample: tar.gz
metadata:
  description:
    - What Alpine says of the image, the file next to O(src) with the extension C(.yaml).
    - V(null) if there is none.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._image.unpack import UnpackRequest, unpack


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "work_dir": {"type": "path"},
            "wait_timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = UnpackRequest.from_params(module.params)
        return unpack(request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
