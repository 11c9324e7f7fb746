# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Hyper-V generation of an image, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hyper_v_generation
short_description: The Hyper-V generation that an image has in Azure
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - By what the disk can be booted by. Generation 1 starts by BIOS, generation 2 by UEFI.
options:
  _input:
    description: The image, as role P(alpine.cloud.alpine_image#role) sets it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say with which generation an image is registered in Azure
  ansible.builtin.debug:
    msg: "{{ {'firmware': 'hybrid'} | alpine.cloud.hyper_v_generation }}" # V2
"""

RETURN = r"""
_value:
  description: The generation, V(V1) or V(V2).
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils._image.registration import hyper_v_generation as _hyper_v_generation


def hyper_v_generation(image: Mapping[str, Any]) -> str:
    """See DOCUMENTATION."""
    return _hyper_v_generation(image["firmware"])


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"hyper_v_generation": hyper_v_generation}
