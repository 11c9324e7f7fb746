# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tags as labels in Google Cloud, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gcp_labels
short_description: Tags as the labels that Google Cloud takes
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - Values of labels in Google Cloud are lower case, and have dashes for all that is no letter, digit or underscore.
options:
  _input:
    description: The tags, keys that are legal already, with any values.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say which labels an image gets
  ansible.builtin.debug:
    msg: "{{ {'alpine-release': '3.24.2'} | alpine.cloud.gcp_labels }}" # alpine-release: 3-24-2
"""

RETURN = r"""
_value:
  description: The labels.
  type: dict
"""

from collections.abc import Callable

from ..module_utils._gcp.names import label_values


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, str]]]:
        return {"gcp_labels": label_values}
