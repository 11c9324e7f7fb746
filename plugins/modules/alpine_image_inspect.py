# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a local image is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_image_inspect
short_description: Tell what is in a local Alpine Linux cloud image
version_added: "0.1.0"
description:
  - Reads a qcow2 image or a raw disk, without root and without mounting it, and tells its format, size and digest, its
    partition table, file systems and boot loaders, and from those the firmware and the architecture that can boot it.
  - An image that no cloud could boot, that is incomplete or damaged, or whose name contradicts its disk, is refused
    with an explanation.
  - A qcow2 image that refers to another file is refused as well, since reading it would read that file.
author:
  - The alpine.cloud authors (@alpine-cloud)
extends_documentation_fragment:
  - alpine.cloud._attributes
attributes:
  check_mode:
    support: full
    details: This module never writes.
  diff_mode:
    support: N/A
    details: This module does not modify anything.
  idempotent:
    support: full
requirements:
  - C(qemu-img) 5.1 or newer, for qcow2 images
options:
  src:
    description: The image on the host where the module runs.
    type: path
    required: true
  name:
    description:
      - The image's name by Alpine's scheme
        C([{cloud}_]alpine-{release}-{arch}[-{firmware}]-{bootstrap}[-metal]-r{N}).
      - Without it the file's own name is used if it follows the scheme, or else the name in O(metadata). If neither
        does, RV(image) is V(null).
    type: str
  metadata:
    description:
      - A YAML file with what Alpine says of the image. What is missing there or odd is taken for unknown.
      - The default is the file next to O(src) with the extension C(.yaml), if there is one that can be read.
      - The image's name must agree with it. The firmware is told from the disk, whatever the metadata says.
    type: path
seealso:
  - module: alpine.cloud.alpine_image_convert
"""

EXAMPLES = r"""
- name: Look into an image
  alpine.cloud.alpine_image_inspect:
    src: images/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
  register: inspection

- name: Make sure that it boots by UEFI
  ansible.builtin.assert:
    that: inspection.firmware in ["uefi", "hybrid"]

- name: Look into an image whose file has another name
  alpine.cloud.alpine_image_inspect:
    src: build/disk.qcow2
    name: alpine-3.24.2-aarch64-tiny-r0
"""

RETURN = r"""
path:
  description: The absolute path of O(src).
  returned: success
  type: str
  sample: /srv/images/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
format:
  description: The file's format.
  returned: success
  type: str
  choices: [qcow2, raw]
  sample: qcow2
size:
  description: The file's size in bytes.
  returned: success
  type: int
  sample: 110886912
virtual_size:
  description: The size of the disk that a guest sees, in bytes.
  returned: success
  type: int
  sample: 224395264
sha256:
  description: The file's SHA-256.
  returned: success
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
partition_table:
  description: The disk's partition table.
  returned: success
  type: str
  choices: [gpt, mbr, none]
  sample: gpt
partitions:
  description: The disk's partitions; of an MBR, the primary ones.
  returned: success
  type: list
  elements: dict
  contains:
    number:
      description: The partition's number, from 1.
      type: int
      sample: 1
    start:
      description: Where it begins, in bytes.
      type: int
      sample: 1048576
    size:
      description: Its size in bytes.
      type: int
      sample: 524288
    type:
      description: The type GUID in lower case, or the MBR type such as V(0x83).
      type: str
      sample: c12a7328-f81f-11d2-ba4b-00a0c93ec93b
    name:
      description: The name that a GPT has for it, V(null) for an MBR.
      type: str
      sample: esp
    file_system:
      description: Its file system, by its superblock; V(null) where none is known.
      type: str
      sample: vfat
root_file_system:
  description:
    - The file system of the largest partition that has one which a system can live on, or of a disk without partition
      table. V(null) where none is known.
  returned: success
  type: str
  sample: ext4
efi_loaders:
  description: The boot loaders that UEFI finds on the disk by itself, which is all that it looks for in a cloud.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Where it is in the EFI system partition.
      type: str
      sample: EFI/BOOT/BOOTX64.EFI
    architecture:
      description: The processor that it is for, by its content.
      type: str
      choices: [x86_64, aarch64]
      sample: x86_64
architecture:
  description:
    - The processor's architecture, by the boot loader, or else by the image's name.
    - V(null) where neither tells.
  returned: success
  type: str
  choices: [x86_64, aarch64]
  sample: x86_64
firmware:
  description:
    - What can boot the disk, by what stands on it and not by its name. V(uefi) needs an EFI system partition with a
      boot loader, see RV(efi_loaders); V(bios) a BIOS boot partition, boot code in the first sector, or a bare ext4
      file system. V(hybrid) is both.
  returned: success
  type: str
  choices: [bios, uefi, hybrid]
  sample: hybrid
clouds:
  description: The clouds that could start the image.
  returned: success
  type: list
  elements: str
  sample: [aws, azure, gcp, oci]
obstacles:
  description:
    - Why the image cannot be used in a cloud, for each of the others.
    - Google Cloud wants a partition table, and an MBR for BIOS. An image that was published for one cloud alone, or for
      none, is of no use in another.
  returned: success
  type: dict
  sample:
    gcp: "Google Cloud wants a partition table, but the disk has none: take the image's UEFI variant"
metadata:
  description: What the image's metadata says, V(null) where there is none; so is each of it that it does not say.
  returned: success
  type: dict
  contains:
    name:
      description: The image's name, as published.
      type: str
      sample: alpine-3.24.2-x86_64-cloudinit-r2
    release:
      description: Alpine's release.
      type: str
      sample: 3.24.2
    revision:
      description: The image's revision.
      type: int
      sample: 2
    architecture:
      description: The processor's architecture.
      type: str
      sample: x86_64
    bootstrap:
      description: What configures the system at its first boot.
      type: str
      sample: cloudinit
    firmware:
      description: What the image is to be booted by.
      type: str
      sample: uefi
    end_of_life:
      description: Until when the branch is maintained.
      type: str
      sample: "2028-05-01"
image:
  description: The parts of the image's name, V(null) when O(name) is not given and the file is named otherwise.
  returned: success
  type: dict
  contains:
    name:
      description: The image's own name, without the cloud that it was published for.
      type: str
      sample: alpine-3.24.2-x86_64-cloudinit-r2
    release:
      description: Alpine's release.
      type: str
      sample: 3.24.2
    version:
      description: The branch of the release.
      type: str
      sample: "3.24"
    revision:
      description: The image's revision, from 0 for each release.
      type: int
      sample: 2
    architecture:
      description: The processor's architecture.
      type: str
      choices: [x86_64, aarch64]
      sample: x86_64
    firmware:
      description: The firmware that the name promises, V(null) when it does not tell.
      type: str
      choices: [bios, uefi]
      sample: uefi
    bootstrap:
      description: What configures the system at its first boot.
      type: str
      sample: cloudinit
    machine:
      description: What the image is for, virtual machines or bare metal.
      type: str
      choices: [vm, metal]
      sample: vm
    cloud:
      description: The cloud that the image was published for, V(null) when the name does not tell.
      type: str
      sample: generic
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._image.inspect import InspectionRequest, inspect_image


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "name": {"type": "str"},
            "metadata": {"type": "path"},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = InspectionRequest.from_params(module.params)
        return {"changed": False, **inspect_image(request, warn=module.warn).as_result()}

    run_module(module, operation)


if __name__ == "__main__":
    main()
