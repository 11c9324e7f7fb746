# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options by which modules sign in to Google Cloud, named as in the google.cloud collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  project:
    description:
      - The Google Cloud project, by its ID.
      - Falls back to the environment variable E(GCP_PROJECT).
    type: str
    required: true
  auth_kind:
    description:
      - The kind of credentials.
      - V(application) takes the application default credentials, such as those that
        C(gcloud auth application-default login) leaves or E(GOOGLE_APPLICATION_CREDENTIALS) names; also files of
        workload identity federation and of the impersonation of a service account.
      - V(machineaccount) takes those of the Google Cloud machine that the module runs on.
      - V(serviceaccount) needs O(service_account_file) or O(service_account_contents), V(accesstoken) needs
        O(access_token).
      - Falls back to the environment variable E(GCP_AUTH_KIND).
    type: str
    choices:
      - application
      - machineaccount
      - serviceaccount
      - accesstoken
    default: application
  service_account_file:
    description:
      - The JSON key file of a service account, for O(auth_kind=serviceaccount).
      - Its C(token_uri) says where access tokens are obtained.
      - Falls back to the environment variable E(GCP_SERVICE_ACCOUNT_FILE).
    type: path
  service_account_contents:
    description:
      - The contents of such a file, as a dictionary or as JSON text.
      - Falls back to the environment variable E(GCP_SERVICE_ACCOUNT_CONTENTS).
    type: jsonarg
  service_account_email:
    description:
      - Which of the machine's service accounts to use, for O(auth_kind=machineaccount); by default its default one.
      - Falls back to the environment variable E(GCP_SERVICE_ACCOUNT_EMAIL).
    type: str
  access_token:
    description:
      - An OAuth 2.0 access token, for O(auth_kind=accesstoken). It is not renewed.
      - Falls back to the environment variable E(GCP_ACCESS_TOKEN).
    type: str
  scopes:
    description:
      - The OAuth 2.0 scopes to ask for; by default C(https://www.googleapis.com/auth/cloud-platform).
      - Falls back to the environment variable E(GCP_SCOPES).
    type: list
    elements: str
  env_type:
    description:
      - Which environment the module runs in. Only alters the user agent of the requests.
      - Falls back to the environment variable E(GCP_ENV_TYPE).
    type: str
  storage_endpoint:
    description: The URL of Cloud Storage's API, where it is not C(https://storage.googleapis.com).
    type: str
  compute_endpoint:
    description: The URL of Compute Engine's API, where it is not C(https://compute.googleapis.com).
    type: str
  ca_file:
    description:
      - A file with the CA certificates to trust, in PEM format.
      - Wins over E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE).
    type: path
  validate_certs:
    description: Whether to verify the certificates of the endpoints.
    type: bool
    default: true
"""
