# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials and endpoints of the Azure modules, with the options that azure.azcollection has for them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  auth_source:
    description:
      - Where the credentials come from. If not set, E(ANSIBLE_AZURE_AUTH_SOURCE), else V(auto).
      - V(auto) takes the first that is there of the options, O(profile), the environment, the profile C(default) of
        C(~/.azure/credentials), and the login of the Azure CLI. The environment counts where it has O(secret) or what
        stands in its place.
      - V(env) takes the environment only, V(credential_file) O(profile), V(cli) the login of the Azure CLI, and V(msi)
        the managed identity of the machine that the module runs on.
    type: str
    choices:
      - auto
      - cli
      - credential_file
      - env
      - msi
  profile:
    description: The section of C(~/.azure/credentials) to use. If not set, E(AZURE_PROFILE).
    type: str
  subscription_id:
    description: The subscription's UUID. If not set, E(AZURE_SUBSCRIPTION_ID), else that of the profile or the login.
    type: str
  client_id:
    description: The service principal's application ID. If not set, E(AZURE_CLIENT_ID).
    type: str
  secret:
    description: The service principal's secret. If not set, E(AZURE_SECRET), else E(AZURE_CLIENT_SECRET).
    type: str
  tenant:
    description: The service principal's tenant. If not set, E(AZURE_TENANT), else E(AZURE_TENANT_ID).
    type: str
  x509_certificate_path:
    description:
      - A PEM file with the service principal's certificate and key, instead of O(secret).
      - If not set, E(AZURE_X509_CERTIFICATE_PATH), else E(AZURE_CLIENT_CERTIFICATE_PATH).
    type: path
  federated_token_file:
    description:
      - A file with a token of another issuer that the application trusts, as Kubernetes and CI systems have it, instead
        of O(secret).
      - If not set, E(AZURE_FEDERATED_TOKEN_FILE).
    type: path
  cloud_environment:
    description: Which of Azure's clouds. If not set, E(AZURE_CLOUD_ENVIRONMENT), else V(AzureCloud).
    type: str
    choices:
      - AzureCloud
      - AzureChinaCloud
      - AzureUSGovernment
  authority_host:
    description:
      - The address of Microsoft Entra ID. If not set, E(AZURE_AUTHORITY_HOST), else that of O(cloud_environment).
    type: str
  disable_instance_discovery:
    description: Do not ask Microsoft's public cloud whether O(authority_host) can be trusted; for disconnected clouds.
    type: bool
    default: false
  arm_endpoint:
    description: The address of Azure Resource Manager. If not set, that of O(cloud_environment).
    type: str
  ca_file:
    description:
      - A PEM file with the certificate authorities to trust, instead of those of the machine.
      - It wins over E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE).
    type: path
  validate_certs:
    description: Whether to verify TLS certificates.
    type: bool
    default: true
requirements:
  - azure-identity
"""

    TAGS = r"""
options:
  tags:
    description:
      - Tags that the resource must have.
      - The module keeps a tag C(source-sha256) of its own where the resource has content.
    type: dict
  append_tags:
    description: Keep tags that O(tags) does not name. With V(false) they are removed, as long as O(tags) is given.
    type: bool
    default: true
"""
