# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firmware of an imported image in one vocabulary, for roles and playbooks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firmware
short_description: The firmware that a cloud starts an image by, in one vocabulary
version_added: "0.1.0"
author:
  - The alpine.cloud authors (@alpine-cloud)
description:
  - Each cloud has words of its own for what starts an image. This filter translates them into those that all of
    this collection has, V(bios), V(uefi) and V(hybrid), which is either.
options:
  _input:
    description:
      - What a module has returned, RV(alpine.cloud.alpine_ec2_image#module:boot_mode),
        RV(alpine.cloud.alpine_azure_gallery_image#module:hyper_v_generation),
        RV(alpine.cloud.alpine_gcp_image#module:guest_os_features) or
        RV(alpine.cloud.alpine_oci_image_capabilities#module:firmware).
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Say what starts an AMI with boot mode uefi-preferred
  ansible.builtin.debug:
    msg: "{{ 'uefi-preferred' | alpine.cloud.firmware }}" # hybrid
"""

RETURN = r"""
_value:
  description: V(bios), V(uefi) or V(hybrid).
  type: str
"""

from collections.abc import Callable, Sequence

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import InputError
from ..module_utils._core.words import Firmware
from ..module_utils._image.registration import firmware_of, firmware_of_features


def firmware(word: str | Sequence[str]) -> Firmware:
    """See DOCUMENTATION.

    :raises AnsibleFilterError: for a word that no cloud has.
    """
    if not isinstance(word, str):
        return firmware_of_features(word)
    try:
        return firmware_of(word)
    except InputError as error:
        raise AnsibleFilterError(error.message) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"firmware": firmware}
