# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS on loopback: moto's S3, EC2, EBS direct, IAM and STS, made strict and extended by what it lacks."""

from __future__ import annotations

from tests.sandbox._aws._moto import prepare
from tests.sandbox._cloud import Cloud, Context


def create_cloud(context: Context) -> Cloud:
    prepare()
    from tests.sandbox._aws._aws import AwsCloud

    return AwsCloud(context)
