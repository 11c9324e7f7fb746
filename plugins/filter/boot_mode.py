# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The boot mode of an AMI, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: boot_mode
short_description: The boot mode that an image has in AWS
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - By what the disk can be booted by, and the architecture. EC2 starts aarch64 by UEFI alone.
options:
  _input:
    description: The image, as role P(alpine.cloud.alpine_image#role) sets it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say by which boot mode an image is registered in AWS
  ansible.builtin.debug:
    msg: "{{ {'architecture': 'x86_64', 'firmware': 'hybrid'} | alpine.cloud.boot_mode }}" # uefi-preferred
"""

RETURN = r"""
_value:
  description: The boot mode, V(uefi-preferred), V(uefi) or V(legacy-bios).
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils._image.registration import ec2_boot_mode


def boot_mode(image: Mapping[str, Any]) -> str:
    """See DOCUMENTATION."""
    return ec2_boot_mode(image["firmware"], image["architecture"])


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"boot_mode": boot_mode}
