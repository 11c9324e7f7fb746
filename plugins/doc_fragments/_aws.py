# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules that talk to AWS, named as C(amazon.aws) names them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  access_key:
    description:
      - AWS access key ID.
      - Without O(access_key) and O(profile), boto3 looks for credentials in its usual places, E(AWS_ACCESS_KEY_ID)
        first.
      - Mutually exclusive with O(profile).
    type: str
    aliases:
      - aws_access_key_id
      - aws_access_key
  secret_key:
    description: AWS secret access key. Falls back, with O(access_key), to E(AWS_SECRET_ACCESS_KEY).
    type: str
    aliases:
      - aws_secret_access_key
      - aws_secret_key
  session_token:
    description: Session token of temporary credentials. Falls back, with O(access_key), to E(AWS_SESSION_TOKEN).
    type: str
    aliases:
      - aws_session_token
  profile:
    description: A named profile of the AWS configuration files. Falls back to E(AWS_PROFILE).
    type: str
    aliases:
      - aws_profile
  region:
    description:
      - The AWS region.
      - Falls back to E(AWS_REGION), E(AWS_DEFAULT_REGION), E(EC2_REGION), then to the profile's.
    type: str
    aliases:
      - aws_region
      - ec2_region
  endpoint_url:
    description:
      - One URL to use instead of AWS's own endpoints, for all services.
      - Buckets are then addressed by path.
      - Falls back to E(AWS_URL).
    type: str
    aliases:
      - aws_endpoint_url
  aws_ca_bundle:
    description:
      - A file with the certificates of the authorities to trust. It wins over every environment variable.
      - Falls back to E(AWS_CA_BUNDLE).
    type: path
  validate_certs:
    description: Whether to verify the server's certificate.
    type: bool
    default: true
requirements:
  - boto3 >= 1.39
notes:
  - Requests that are throttled, or fail for a passing reason, are repeated by boto3 with growing, random pauses, six
    attempts in all.
"""
