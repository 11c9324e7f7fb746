# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Converting a local image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_image_convert
short_description: Convert a local image into the format that a cloud imports
version_added: "0.1.0"
description:
  - Converts a qcow2 image or a raw disk with the local C(qemu-img), and compares the result with the source.
  - Converted files are kept in a work directory under the SHA-256 of their source, so the next run finds them. They are
    written under another name first, so a killed run leaves nothing that the next one would trust. Several runs at once
    wait for each other.
author:
  - The alpine.cloud authors (@alpine-cloud)
extends_documentation_fragment:
  - alpine.cloud._attributes
attributes:
  check_mode:
    support: full
    details: RV(size) is V(null) before the file is there, and so is what depends on O(src) if that is not there either.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - C(qemu-img) 5.1 or newer
options:
  src:
    description: The image on the host where the module runs, a qcow2 image or a raw disk.
    type: path
    required: true
  format:
    description:
      - V(fixed_vhd) is a fixed VHD of whole MiB, for AWS and Azure.
      - V(dynamic_vhd) is a VHD without the empty parts of the disk, for AWS.
      - V(gce_tar) is a C(.tar.gz) in old GNU format that holds the disk as C(disk.raw), whole GiB, for Google Cloud.
      - V(qcow2) is a compressed qcow2 image, for Oracle Cloud where the source is a raw disk.
    type: str
    choices: [fixed_vhd, dynamic_vhd, gce_tar, qcow2]
    required: true
  work_dir:
    description:
      - The directory where converted files are kept. It is made when needed.
      - The default is C(alpine.cloud) in E(XDG_CACHE_HOME), or in C(~/.cache) when that is not set.
    type: path
  source_sha256:
    description:
      - The SHA-256 of O(src), as M(alpine.cloud.alpine_image_inspect) returns it. It is computed when not given.
      - Before a conversion it is checked.
    type: str
  verify:
    description: Compare the converted disk with the source's, byte by byte, before it is kept.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait for another run that writes the same file, in seconds.
    type: int
    default: 3600
seealso:
  - module: alpine.cloud.alpine_image_inspect
"""

EXAMPLES = r"""
- name: Make a VHD for Azure
  alpine.cloud.alpine_image_convert:
    src: images/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
    format: fixed_vhd
  register: vhd

- name: Make a tar file for Google Cloud
  alpine.cloud.alpine_image_convert:
    src: images/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
    format: gce_tar
    work_dir: /var/tmp/images
"""

RETURN = r"""
path:
  description: The converted file.
  returned: success
  type: str
  sample: /home/me/.cache/alpine.cloud/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/fixed.vhd
format:
  description: Its format, O(format).
  returned: success
  type: str
  sample: fixed_vhd
size:
  description: Its size in bytes.
  returned: success
  type: int
  sample: 224395776
virtual_size:
  description: The size of the disk in it, in bytes, which is the source's, rounded up as the format demands.
  returned: success
  type: int
  sample: 224395264
source_sha256:
  description: The SHA-256 of O(src).
  returned: success
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._image.convert import ConversionRequest, convert
from ..module_utils._image.writers import FILE_NAMES


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "format": {"type": "str", "required": True, "choices": list(FILE_NAMES)},
            "work_dir": {"type": "path"},
            "source_sha256": {"type": "str"},
            "verify": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = ConversionRequest.from_params(module.params)
        return convert(request, check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
