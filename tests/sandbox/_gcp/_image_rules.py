# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine says to an image's features, family, labels and locations, beyond the API's description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.sandbox._gcp._errors import invalid_value
from tests.sandbox._gcp._regions import IMAGE_LOCATIONS

_FAMILY = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-z][-_a-z0-9]{0,62}")
_LABEL_VALUE = re.compile(r"[-_a-z0-9]{0,63}")
# Confidential computing and Windows exist on x86 only; Realms (CCA) on Arm only.
_X86_ONLY = {
    "SEV_CAPABLE", "SEV_LIVE_MIGRATABLE", "SEV_LIVE_MIGRATABLE_V2", "SEV_SNP_CAPABLE", "SNP_SVSM_CAPABLE",
    "TDX_CAPABLE", "WINDOWS",
}  # fmt: skip
_ARM_ONLY = {"CCA_CAPABLE"}


def check_image(body: Mapping[str, Any]) -> None:
    """:raises GoogleError: for a body of images.insert that is not allowed."""
    _check_features(body)
    if "family" in body:
        check_family(body["family"])
    check_labels(body.get("labels", {}))
    check_description(body.get("description", ""))
    for location in body.get("storageLocations", []):
        if location not in IMAGE_LOCATIONS:
            raise invalid_value("resource.storageLocations", location, "The location is not supported.")
    if len(body.get("storageLocations", [])) > 1:
        raise invalid_value("resource.storageLocations", body["storageLocations"], "Only one location is allowed.")


def check_family(family: str) -> None:
    if not _FAMILY.fullmatch(family):
        raise invalid_value("resource.family", family, f"Must be a match of regex '{_FAMILY.pattern}'")


def check_description(description: str) -> None:
    if len(description) > 2048:
        raise invalid_value("resource.description", description, "Must be at most 2048 characters.")


def check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > 64:
        raise invalid_value("resource.labels", len(labels), "At most 64 labels are allowed.")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise invalid_value("resource.labels", key, "Label keys are lower-case letters, digits, '_' and '-'.")
        if not _LABEL_VALUE.fullmatch(value):
            raise invalid_value("resource.labels", value, "Label values are lower-case letters, digits, '_' and '-'.")


def _check_features(body: Mapping[str, Any]) -> None:
    features = [feature.get("type", "") for feature in body.get("guestOsFeatures", [])]
    if len(features) != len(set(features)):
        raise invalid_value("resource.guestOsFeatures", features, "Duplicate features.")
    architecture = body.get("architecture", "X86_64")
    for feature in features:
        if feature in ("", "FEATURE_TYPE_UNSPECIFIED"):
            raise invalid_value("resource.guestOsFeatures[0].type", feature, "Must be a supported feature.")
        if feature in (_X86_ONLY if architecture == "ARM64" else _ARM_ONLY):
            raise invalid_value(
                "resource.guestOsFeatures", feature, f"The feature is not supported by architecture {architecture}."
            )
