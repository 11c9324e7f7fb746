# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules that read from a mirror."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  ca_file:
    description:
      - A file with the CA certificates to trust, in PEM format, instead of the system's.
      - Wins over E(SSL_CERT_FILE).
    type: path
  validate_certs:
    description: Whether to verify the certificates of servers.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds to wait for a connection, and then for each piece of an answer.
      - What is slower, or fails in another way that may pass, is tried four times in all.
    type: float
    default: 30
notes:
  - Proxies are taken from the environment variables E(http_proxy), E(https_proxy) and E(no_proxy), and user names and
    passwords of servers from the file C(.netrc) of the user.
  - Such a password is sent to the host and port of the URL that is given, not to where it redirects.
  - From https nothing redirects to http, and nothing to other protocols.
"""
