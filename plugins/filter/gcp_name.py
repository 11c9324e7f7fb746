# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names as Google Cloud can spell them, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gcp_name
short_description: A name as Google Cloud can spell it
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - Names of images and families in Google Cloud are lower case, and have dashes for all that is no letter or digit.
options:
  _input:
    description: The name, such as an image's own.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say what an image is called in Google Cloud
  ansible.builtin.debug:
    msg: "{{ 'alpine-3.24.2-x86_64-tiny-r0' | alpine.cloud.gcp_name }}" # alpine-3-24-2-x86-64-tiny-r0
"""

RETURN = r"""
_value:
  description: The name. It is not shortened.
  type: str
"""

from collections.abc import Callable

from ..module_utils._gcp.names import resource_name


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"gcp_name": resource_name}
