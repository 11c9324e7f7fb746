# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules that talk to Oracle Cloud Infrastructure, named as C(oracle.oci) names them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  config_file_location:
    description:
      - The SDK's configuration file. Its settings give way to the options below.
      - Falls back to the environment variable E(OCI_CONFIG_FILE), then to C(~/.oci/config) if that exists.
    type: path
  config_profile_name:
    description:
      - The profile to read from O(config_file_location).
      - Falls back to the environment variable E(OCI_CONFIG_PROFILE), then to C(DEFAULT).
    type: str
  api_user:
    description: OCID of the user. Falls back to the environment variable E(OCI_USER_ID).
    type: str
  api_user_fingerprint:
    description: Fingerprint of the user's API key. Falls back to the environment variable E(OCI_USER_FINGERPRINT).
    type: str
  api_user_key_file:
    description: The user's private API key, a PEM file. Falls back to the environment variable E(OCI_USER_KEY_FILE).
    type: path
  api_user_key_pass_phrase:
    description:
      - Passphrase of O(api_user_key_file). Falls back to the environment variable E(OCI_USER_KEY_PASS_PHRASE).
    type: str
  tenancy:
    description: OCID of the tenancy. Falls back to the environment variable E(OCI_TENANCY).
    type: str
  region:
    description:
      - The region, such as V(eu-frankfurt-1). Falls back to the environment variable E(OCI_REGION).
      - The SDK must know it, unless O(iaas_endpoint) and O(object_storage_endpoint) are given; it learns of further
        ones from C(~/.oci/regions-config.json) and E(OCI_REGION_METADATA).
    type: str
  auth_type:
    description:
      - How requests are authenticated. Falls back to the environment variable E(OCI_ANSIBLE_AUTH_TYPE).
      - V(api_key) signs with the user's API key; V(security_token) with the session token that the profile's
        C(security_token_file) holds; V(instance_principal) and V(resource_principal) as the instance or the
        resource that the module runs on.
      - The import of an image (M(alpine.cloud.alpine_oci_image)) is reported to work with the API key of a user only.
    type: str
    choices:
      - api_key
      - security_token
      - instance_principal
      - resource_principal
    default: api_key
  iaas_endpoint:
    description:
      - URL of the Compute service, instead of the region's own.
    type: str
  object_storage_endpoint:
    description:
      - URL of the Object Storage service, instead of the region's own.
    type: str
  identity_endpoint:
    description:
      - URL of the Identity service, instead of the region's own. M(alpine.cloud.alpine_oci_instance) asks it for the
        availability domains.
    type: str
  ca_file:
    description:
      - A file with CA certificates to verify servers with. It wins over E(REQUESTS_CA_BUNDLE) and its like.
      - Falls back to the environment variable E(OCI_ANSIBLE_CERT_BUNDLE).
    type: path
    aliases:
      - cert_bundle
  validate_certs:
    description: Whether to verify the servers' certificates.
    type: bool
    default: true
requirements:
  - oci >= 2.130
"""
