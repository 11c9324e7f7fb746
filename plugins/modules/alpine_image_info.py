# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which official images there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_image_info
short_description: Find official Alpine Linux cloud images
version_added: "0.1.0"
description:
  - Looks into a mirror of Alpine Linux for the cloud images of a release, and tells where each is, the best first.
  - The names of images have changed twice. All three schemes are understood side by side, with and without the cloud
    that an image was made for, and with and without its firmware.
  - Nothing is downloaded but the mirror's listing and C(releases.json).
author:
  - The alpine.cloud authors (@alpine-cloud)
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._http
attributes:
  check_mode:
    support: full
    details: This module never writes.
  diff_mode:
    support: N/A
    details: This module does not modify anything.
  idempotent:
    support: full
options:
  mirror_url:
    description:
      - The mirror, by the URL under which it has C(v3.24/releases/cloud/) and the like.
      - Of several, the first is taken that answers and has an image as wanted. Those that were passed over are told of
        in a warning.
    type: list
    elements: str
    default:
      - https://dl-cdn.alpinelinux.org/alpine
  releases_url:
    description:
      - Where C(releases.json) is, which tells the latest branch and the ends of life.
      - Without an answer from there a warning is given, RV(images[].end_of_life) is V(null), and V(latest) is what the
        mirror has as C(latest-stable).
    type: str
    default: https://alpinelinux.org/releases.json
  release:
    description:
      - V(latest) for the latest stable branch, a branch such as V(3.24), or a release such as V(3.24.2).
      - Put a branch into quotes in YAML, where 3.20 is the number 3.2.
    type: str
    default: latest
  revision:
    description: The image's revision, which counts from 0 for each release.
    type: int
  architecture:
    description: The processor's architecture.
    type: str
    choices: [x86_64, aarch64]
    aliases: [arch]
  bootstrap:
    description: What configures the system at its first boot, such as V(cloudinit) or V(tiny).
    type: str
  firmware:
    description:
      - What the image must boot by, as far as its name tells.
      - Of the images whose names leave the firmware out, as they do since 3.24.2, those for x86_64 are taken to boot by
        both, those for aarch64 by UEFI. M(alpine.cloud.alpine_image_inspect) tells for sure.
    type: str
    choices: [bios, uefi]
  machine:
    description: What the image is for, virtual machines or bare metal.
    type: str
    choices: [vm, metal]
  formats:
    description: The file formats that are wanted, in order of preference.
    type: list
    elements: str
    choices: [qcow2, raw.tar.gz, raw, vhd]
    default: [qcow2, raw.tar.gz, raw, vhd]
seealso:
  - module: alpine.cloud.alpine_image_inspect
  - name: Alpine Linux cloud images
    description: The images on the project's own pages.
    link: https://alpinelinux.org/cloud/
"""

EXAMPLES = r"""
# ansible localhost -m alpine.cloud.alpine_image_info -a 'release=3.24'

- name: Find the newest image for x86_64 virtual machines with cloud-init
  alpine.cloud.alpine_image_info:
    architecture: x86_64
    bootstrap: cloudinit
    machine: vm
    formats: [qcow2]
  register: found

- name: Say where it is
  ansible.builtin.debug:
    msg: "{{ found.newest.name }}: {{ found.newest.url }}, maintained until {{ found.newest.end_of_life }}"

- name: Find one certain image on the mirror nearby, or else on Alpine's
  alpine.cloud.alpine_image_info:
    mirror_url:
      - https://mirror.example.com/alpine
      - https://dl-cdn.alpinelinux.org/alpine
    release: 3.24.2
    revision: 2
    architecture: aarch64
    bootstrap: tiny
"""

RETURN = r"""
images:
  description:
    - Every file that is as wanted, the best first.
    - They are sorted by release, the newest first; then generic images come before those for one cloud; then by
      revision, the newest first; then by what serves more users, and by O(formats).
  returned: success
  type: list
  elements: dict
  contains: &image
    name:
      description: The image's own name, without the cloud that it was published for.
      type: str
      sample: alpine-3.24.2-x86_64-cloudinit-r2
    url:
      description: The image.
      type: str
      sample: https://dl-cdn.alpinelinux.org/alpine/v3.24/releases/cloud/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
    urls:
      description:
        - RV(images[].url), then where the other mirrors of O(mirror_url) have the same file, if they do.
        - M(alpine.cloud.alpine_image_download) takes them as they are.
      type: list
      elements: str
    sha512_url:
      description: Its SHA-512, V(null) if the mirror lists none. So for the next two.
      type: str
      sample: https://dl-cdn.alpinelinux.org/alpine/v3.24/releases/cloud/alpine-3.24.2-x86_64-cloudinit-r2.qcow2.sha512
    signature_url:
      description: Its detached OpenPGP signature.
      type: str
      sample: https://dl-cdn.alpinelinux.org/alpine/v3.24/releases/cloud/alpine-3.24.2-x86_64-cloudinit-r2.qcow2.asc
    metadata_url:
      description: What Alpine says of the image, in YAML.
      type: str
      sample: https://dl-cdn.alpinelinux.org/alpine/v3.24/releases/cloud/alpine-3.24.2-x86_64-cloudinit-r2.yaml
    cloud:
      description: The cloud that the image was published for, V(null) when the name does not tell.
      type: str
      sample: generic
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
    format:
      description: The file's format.
      type: str
      choices: [qcow2, raw.tar.gz, raw, vhd]
      sample: qcow2
    size:
      description: The file's size in bytes, V(null) when the listing rounds it or does not tell.
      type: int
      sample: 110886912
    modified:
      description: When the file was last changed, by the mirror's own clock, V(null) when the listing does not tell.
      type: str
      sample: "2026-10-08T09:51"
    end_of_life:
      description: Until when the branch is maintained, V(null) when that is not known.
      type: str
      sample: "2028-05-01"
newest:
  description: The first of RV(images).
  returned: success
  type: dict
  contains: *image
mirror_url:
  description: The mirror that was taken.
  returned: success
  type: str
  sample: https://dl-cdn.alpinelinux.org/alpine
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._official.catalogue import MIRROR_URL, RELEASES_URL, ImageInfoRequest, find_images
from ..module_utils._official.http import HTTP_ARGUMENT_SPEC
from ..module_utils._official.published_image import FORMATS
from ..module_utils._official.selection import LATEST


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **HTTP_ARGUMENT_SPEC,
            "mirror_url": {"type": "list", "elements": "str", "default": [MIRROR_URL]},
            "releases_url": {"type": "str", "default": RELEASES_URL},
            "release": {"type": "str", "default": LATEST},
            "revision": {"type": "int"},
            "architecture": {"type": "str", "choices": ["x86_64", "aarch64"], "aliases": ["arch"]},
            "bootstrap": {"type": "str"},
            "firmware": {"type": "str", "choices": ["bios", "uefi"]},
            "machine": {"type": "str", "choices": ["vm", "metal"]},
            "formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": list(FORMATS)},
        },
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        found = find_images(ImageInfoRequest.from_params(module.params))
        for warning in found.warnings:
            module.warn(warning)
        return {"changed": False, **found.as_result()}

    run_module(module, operation)


if __name__ == "__main__":
    main()
