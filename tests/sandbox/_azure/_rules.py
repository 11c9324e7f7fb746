# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that Azure keeps for names, definitions and versions, beyond what the models say."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any

from tests.sandbox._azure._errors import ArmError, invalid_parameter
from tests.sandbox._azure._resources import LOCATIONS, Resource, StorageAccount, region_name

_GALLERY_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._]{0,78}[0-9A-Za-z])?")
_IMAGE_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,78}[0-9A-Za-z])?")
_VERSION_NAME = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_IDENTIFIER_LENGTHS = {"publisher": 128, "offer": 64, "sku": 64}
_FEATURES = {
    "DiskControllerTypes": {"SCSI", "NVMe"},
    "IsAcceleratedNetworkSupported": {"True", "False"},
    "SecurityType": {
        "None", "TrustedLaunch", "TrustedLaunchSupported", "ConfidentialVM", "ConfidentialVMSupported",
        "TrustedLaunchAndConfidentialVmSupported",
    },
    "IsHibernateSupported": {"True", "False"},
}  # fmt: skip


def check_name(path: tuple[str, ...]) -> None:
    name = path[-1]
    pattern = (_GALLERY_NAME, _IMAGE_NAME, _VERSION_NAME)[len(path) - 1]
    match = pattern.fullmatch(name)
    if not match or (len(path) == 3 and any(int(number) > 2**31 - 1 for number in match.groups())):
        entity = ("galleryName", "galleryImageName", "galleryImageVersionName")[len(path) - 1]
        raise invalid_parameter(
            f"The entity name '{entity}' is invalid according to its validation rule: ^{pattern.pattern}$.", entity
        )


def default_to_trusted_launch(properties: dict[str, Any]) -> None:
    """What happens to a new definition in a subscription that has Trusted Launch as the default of generation 2."""
    features = properties.get("features") or []
    named = any(feature["name"] == "SecurityType" for feature in features)
    if properties["hyperVGeneration"] == "V2" and not named:
        properties["features"] = [*features, {"name": "SecurityType", "value": "TrustedLaunchSupported"}]


def complete_definition(properties: dict[str, Any]) -> None:
    """Apply the service's defaults to a definition, and the rules that span several properties."""
    properties.setdefault("hyperVGeneration", "V1")
    properties.setdefault("architecture", "x64")
    _check_definition(properties)


def _check_definition(properties: dict[str, Any]) -> None:
    generation, architecture = properties["hyperVGeneration"], properties["architecture"]
    if architecture == "Arm64" and generation != "V2":
        raise invalid_parameter(
            "The architecture 'Arm64' is only supported with hypervisor generation 'V2'.",
            "galleryImage.properties.architecture",
        )
    where = "galleryImage.properties.features"
    seen: set[str] = set()
    for feature in properties.get("features") or []:
        name, value = feature.get("name") or "", feature.get("value") or ""
        allowed = _FEATURES.get(name)
        if allowed is None or name in seen:
            raise invalid_parameter(f"The feature '{name}' is unknown or given twice.", where)
        seen.add(name)
        values = {part.strip() for part in value.split(",")} if name == "DiskControllerTypes" else {value}
        if not values <= allowed:
            raise invalid_parameter(f"The value '{value}' for feature '{name}' is invalid.", where)
        if name == "DiskControllerTypes" and "NVMe" in values and generation != "V2":
            raise invalid_parameter(
                "The disk controller type 'NVMe' is only supported with hypervisor generation 'V2'.", where
            )
        if name == "SecurityType" and value != "None" and generation != "V2":
            raise invalid_parameter(f"The security type '{value}' needs hypervisor generation 'V2'.", where)


def check_identifier(new: Resource, others: Iterable[Resource]) -> None:
    """See to it that no other definition of the gallery has the same identifier."""
    identifier = new.body["properties"]["identifier"]
    for name, length in _IDENTIFIER_LENGTHS.items():
        value = identifier[name]
        if not re.fullmatch(r"[0-9A-Za-z._-]+", value) or len(value) > length or value.endswith("."):
            where = f"galleryImage.properties.identifier.{name}"
            raise invalid_parameter(f"The value '{value}' of parameter '{where}' is invalid.", where)
    for other in others:
        if other.body["properties"]["identifier"] == identifier:
            raise ArmError(
                409,
                "Conflict",
                f"The gallery image '{other.path[-1]}' already has the identifier publisher "
                f"'{identifier['publisher']}', offer '{identifier['offer']}', sku '{identifier['sku']}'. The "
                "identifier must be unique in the gallery.",
                "galleryImage.properties.identifier",
            )


def complete_version(body: dict[str, Any], account: StorageAccount) -> None:
    """Apply the service's defaults to a version, and the rules that span several properties."""
    properties = body["properties"]
    publishing = properties.setdefault("publishingProfile", {})
    target = "galleryImageVersion.properties.publishingProfile.targetRegions"
    home = body["location"]
    regions = publishing.get("targetRegions") or [{"name": home}]
    names = [region_name(region["name"]) for region in regions]
    unknown = [region["name"] for region in regions if region_name(region["name"]) not in LOCATIONS]
    if unknown:
        raise invalid_parameter(f"The target regions '{', '.join(unknown)}' are not available.", target)
    if len(set(names)) != len(names):
        raise invalid_parameter("The target regions contain duplicates.", target)
    if home not in names:
        raise invalid_parameter(f"The target regions must contain the source region '{home}'.", target)
    for region in regions:
        count = region.get("regionalReplicaCount", publishing.get("replicaCount", 1))
        if not 1 <= count <= 100:
            raise invalid_parameter(f"The regional replica count '{count}' is not between 1 and 100.", target)
    publishing["targetRegions"] = [
        {
            "name": LOCATIONS[region_name(region["name"])],
            "regionalReplicaCount": region.get("regionalReplicaCount", publishing.get("replicaCount", 1)),
            "storageAccountType": region.get(
                "storageAccountType", publishing.get("storageAccountType", "Standard_LRS")
            ),
            **({"excludeFromLatest": region["excludeFromLatest"]} if "excludeFromLatest" in region else {}),
        }
        for region in regions
    ]
    publishing.setdefault("replicaCount", 1)
    publishing.setdefault("excludeFromLatest", False)
    publishing.setdefault("storageAccountType", "Standard_LRS")
    publishing.setdefault("replicationMode", "Full")
    publishing.setdefault("publishedDate", datetime.datetime.now(datetime.UTC).isoformat())
    _check_source(properties["storageProfile"], account)


def _check_source(profile: dict[str, Any], account: StorageAccount) -> None:
    target = "galleryImageVersion.properties.storageProfile"
    source = (profile.get("osDiskImage") or {}).get("source") or {}
    uri, account_id = source.get("uri"), source.get("storageAccountId")
    if profile.get("source") or source.get("id") or not (uri and account_id):
        raise invalid_parameter(
            "The source of the OS disk image must be a blob, given by 'uri' and 'storageAccountId'.",
            f"{target}.osDiskImage.source",
        )
    if account_id.lower() != account.id.lower():
        raise ArmError(404, "ResourceNotFound", f"The storage account '{account_id}' was not found.", target)
    if not uri.startswith(account.blob_endpoint):
        raise invalid_parameter(
            f"The blob URI '{uri}' does not belong to the storage account '{account_id}'.",
            f"{target}.osDiskImage.source.uri",
        )
