# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules that wait for an asynchronous operation."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Wait until the provider reports a final state.
      - With V(false) the module returns as soon as the provider has accepted the request; a later run with
        V(true) picks the operation up.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait for a final state, in seconds.
    type: int
    default: 3600
  wait_interval:
    description: How long to wait between two questions to the provider, in seconds.
    type: int
    default: 5
"""
