# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The name that all releases of an image have in common, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: image_family
short_description: The name of an image without its version
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - All releases of an image have it in common. It names image definitions in Azure, and image families in Google Cloud.
positional: firmware
options:
  _input:
    description: The image, as role P(alpine.cloud.alpine_image#role) sets it.
    type: dict
    required: true
  firmware:
    description:
      - What the cloud starts the image by.
      - By default what the disk can be booted by. V(hybrid) ones are taken for V(uefi).
    type: str
    choices: [bios, uefi, hybrid]
"""

EXAMPLES = r"""
- name: Say which family an image belongs to
  ansible.builtin.debug:
    msg: "{{ alpine_image_result | alpine.cloud.image_family }}" # alpine-x86_64-uefi-tiny
"""

RETURN = r"""
_value:
  description: The name.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils._core.words import Firmware
from ..module_utils._image.registration import image_family as _image_family


def image_family(image: Mapping[str, Any], firmware: Firmware | None = None) -> str:
    """See DOCUMENTATION."""
    return _image_family(
        image["architecture"], firmware or image["firmware"], image["bootstrap"], image.get("machine", "vm")
    )


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"image_family": image_family}
