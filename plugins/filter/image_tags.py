# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tags by which people find an image in a cloud, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: image_tags
short_description: The tags by which people find an image in a cloud
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - The image's name, release, revision and end of life.
positional: end_of_life
options:
  _input:
    description: The image, RV(alpine.cloud.alpine_image_inspect#module:image).
    type: dict
    required: true
  end_of_life:
    description: The date of its end of life; empty where it is not known.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Say by which tags an image is found
  ansible.builtin.debug:
    msg: "{{ inspection.image | alpine.cloud.image_tags('2028-05-01') }}"
"""

RETURN = r"""
_value:
  description: The tags, C(alpine-image), C(alpine-release), C(alpine-revision) and C(alpine-end-of-life).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils._image.registration import image_tags as _image_tags


def image_tags(image: Mapping[str, Any], end_of_life: str = "") -> dict[str, str]:
    """See DOCUMENTATION."""
    return _image_tags(image["name"], image["release"], image["revision"], end_of_life)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, str]]]:
        return {"image_tags": image_tags}
