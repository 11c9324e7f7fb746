# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an image is called until its name is known, for playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: image_title
short_description: What to call an image until its name is known
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - By its name, its file, or what is asked of it.
options:
  _input:
    description: An entry of C(alpine_images).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what is going to be imported
  ansible.builtin.debug:
    msg: "{{ {'release': '3.24', 'arch': 'aarch64'} | alpine.cloud.image_title }}" # alpine release=3.24 arch=aarch64
"""

RETURN = r"""
_value:
  description: The title.
  type: str
"""

from collections.abc import Callable

from ..module_utils._image.report import image_title


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"image_title": image_title}
