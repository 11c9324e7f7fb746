# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Azure version of an Alpine release, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: azure_version
short_description: The version of an Azure gallery image for a release of Alpine Linux
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - Azure's versions are three numbers, so an image's revision (C(-r1)) needs a place in one of them.
positional: revision, scheme
options:
  _input:
    description: The release, such as V(3.24.2).
    type: str
    required: true
  revision:
    description: The revision of the image, V(0) to V(999).
    type: int
    required: true
  scheme:
    description:
      - V(patch_and_revision) makes the third number C(patch × 1000 + revision), so that every later patch or revision
        sorts after every earlier one.
      - V(release) takes the release alone.
    type: str
    choices: [patch_and_revision, release]
    default: patch_and_revision
"""

EXAMPLES = r"""
- name: Say under which version 3.24.2-r1 is found
  ansible.builtin.debug:
    msg: "{{ '3.24.2' | alpine.cloud.azure_version(1) }}" # 3.24.2001
"""

RETURN = r"""
_value:
  description: The version.
  type: str
"""

from collections.abc import Callable
from typing import get_args

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import InputError
from ..module_utils._image.names import AzureVersionScheme
from ..module_utils._image.names import azure_version as _azure_version


def azure_version(release: str, revision: int, scheme: AzureVersionScheme = "patch_and_revision") -> str:
    """See DOCUMENTATION.

    :raises AnsibleFilterError: when the release is not three numbers, or the revision has no place.
    """
    if scheme not in get_args(AzureVersionScheme):
        raise AnsibleFilterError(f"scheme must be one of {', '.join(get_args(AzureVersionScheme))}, got {scheme!r}")
    try:
        return _azure_version(release, int(revision), scheme)
    except (InputError, ValueError) as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"azure_version": azure_version}
