# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google Cloud's regions and zones, and the multi-regions that store objects and images."""

from __future__ import annotations

REGIONS = (
    "africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3", "asia-south1",
    "asia-south2", "asia-southeast1", "asia-southeast2", "australia-southeast1", "australia-southeast2",
    "europe-central2", "europe-north1", "europe-north2", "europe-southwest1", "europe-west1", "europe-west2",
    "europe-west3", "europe-west4", "europe-west6", "europe-west8", "europe-west9", "europe-west10", "europe-west12",
    "me-central1", "me-central2", "me-west1", "northamerica-northeast1", "northamerica-northeast2",
    "northamerica-south1", "southamerica-east1", "southamerica-west1", "us-central1", "us-east1", "us-east4",
    "us-east5", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4",
)  # fmt: skip
IMAGE_LOCATIONS = {"us", "eu", "asia", *REGIONS}
BUCKET_LOCATIONS = {"us", "eu", "asia", "nam4", "eur4", "asia1", *REGIONS}

# https://cloud.google.com/compute/docs/regions-zones#available
_ZONE_LETTERS = {"us-central1": "abcf", "us-east1": "bcd", "europe-west1": "bcd"}
ZONES = tuple(f"{region}-{letter}" for region in REGIONS for letter in _ZONE_LETTERS.get(region, "abc"))


def region_of(zone: str) -> str:
    return zone.rpartition("-")[0]
