# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The attributes that every module states."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description:
      - Can run in C(check_mode) and return the changed status prediction without modifying the target.
      - No writing request is sent.
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    description: When run twice with the same arguments, outside check mode, the second run indicates no change.
"""

    ACTIONGROUP_AWS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/alpine.cloud.aws) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - alpine.cloud.aws
"""

    ACTIONGROUP_AZURE = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/alpine.cloud.azure) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - alpine.cloud.azure
"""

    ACTIONGROUP_GCP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/alpine.cloud.gcp) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - alpine.cloud.gcp
"""

    ACTIONGROUP_OCI = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/alpine.cloud.oci) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - alpine.cloud.oci
"""
