# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image version in a compute gallery, imported from a page blob and replicated to regions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY
from .._core.progress import Progress
from .._core.wait import wait_until
from .arm import (
    Subscription,
    Wait,
    merged_tags,
    normal_region,
    parsed_date,
    shown_date,
)
from .gallery import check_gallery_name
from .gallery_image import check_image_name
from .gallery_resource import GalleryResource, text

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

STORAGE_ACCOUNT_TYPES = ("Standard_LRS", "Standard_ZRS", "Premium_LRS", "PremiumV2_LRS")

_NAME = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_MAX_NUMBER = 2**31 - 1
_EXPAND = {"expand": "ReplicationStatus"}


@dataclasses.dataclass(frozen=True)
class TargetRegion:
    """Where a version is to be available."""

    name: str
    """As Azure's API writes it, such as ``westeurope``."""
    regional_replica_count: int = 1
    storage_account_type: str = "Standard_LRS"

    def as_body(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "regionalReplicaCount": self.regional_replica_count,
            "storageAccountType": self.storage_account_type,
        }


@dataclasses.dataclass(frozen=True)
class VersionRequest:
    """What module ``alpine_azure_gallery_version`` was asked for."""

    resource_group: str
    gallery: str
    gallery_image: str
    name: str
    source_sha256: str | None = None
    location: str | None = None
    source_uri: str | None = None
    storage_account: str | None = None
    storage_account_resource_group: str | None = None
    target_regions: Sequence[TargetRegion] = ()
    end_of_life_date: str | None = None
    exclude_from_latest: bool | None = None
    tags: Mapping[str, Any] | None = None
    append_tags: bool = True

    def check(self) -> None:
        """:raises InputError: for names and numbers that Azure does not allow."""
        check_gallery_name(self.gallery, "gallery")
        check_image_name(self.gallery_image, "gallery_image")
        match = _NAME.fullmatch(self.name)
        if not match or any(int(number) > _MAX_NUMBER for number in match.groups()):
            raise InputError(
                f"name {self.name!r} is not a version: Azure wants three numbers such as 3.24.2002, each at most "
                f"{_MAX_NUMBER}, and nothing like -r1"
            )
        names = [region.name for region in self.target_regions]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"target_regions names {name!r} twice")
        for region in self.target_regions:
            if not 1 <= region.regional_replica_count <= 100:
                raise InputError(f"target_regions: regional_replica_count of {region.name!r} must be 1 to 100")
        parsed_date(self.end_of_life_date)
        if self.tags and IDENTITY_KEY in self.tags:
            raise InputError(f"tags: {IDENTITY_KEY!r} is set by the module, from source_sha256")


class Version:
    """An image version and what is to become of it."""

    def __init__(
        self, client: ComputeManagementClient, subscription: Subscription, request: VersionRequest, wait: Wait
    ) -> None:
        self._request = request
        self._subscription = subscription
        self._wait = wait
        self._resource = GalleryResource(
            client.gallery_image_versions,
            kind="GalleryImageVersions",
            path=(request.resource_group, request.gallery, request.gallery_image, request.name),
            what=f"image version {request.gallery}/{request.gallery_image}/{request.name}",
            wait=wait,
        )

    def ensure_present(self, *, check_mode: bool) -> dict[str, Any]:
        """Import the version unless it is there, and bring its regions, dates and tags to what is wanted.

        :raises ConflictError: when a version of that name holds other content.
        :raises ProviderError: when the import or the replication to a region fails.
        """
        self._request.check()
        found = self._resource.get(**_EXPAND) if check_mode else self._resource.settled(**_EXPAND)
        before = shown_version(found)
        if found is not None:
            self._check_identity(before)
        failed = before.get("provisioning_state") == "Failed"
        # A version that is being deleted is as good as gone.
        import_needed = found is None or failed or before["provisioning_state"] == "Deleting"
        wanted = self._wanted({} if import_needed else before)
        if import_needed:
            account_id = self._check_source(check_mode=check_mode)
            self._subscription.check_locations(self._locations())
        new_regions = {region["name"] for region in wanted["target_regions"]} - _region_names(before)
        if not import_needed and new_regions:
            self._subscription.check_locations(self._locations())
        managed = {name: value for name, value in before.items() if name in wanted}
        changed = import_needed or managed != wanted
        if not check_mode:
            if import_needed:
                if failed:
                    # Azure lets nobody overwrite a failed version.
                    self._resource.delete(must_end=True)
                self._resource.create(self._create_body(wanted, account_id))
            elif changed:
                self._resource.update(_update_body(before, wanted))
            found = self._replicated() if self._wait.enabled else self._resource.get(**_EXPAND)
            if found is None:
                raise ProviderError(f"{self._resource.what} is gone.", operation="GalleryImageVersions_Get")
            # Someone else may have been faster.
            self._check_identity(shown_version(found))
        shown = {**before, **wanted} if check_mode else shown_version(found)
        if import_needed and check_mode:
            shown |= {"provisioning_state": None, "published_date": None}
        return {
            "changed": changed,
            "import_needed": import_needed,
            "id": found.id if found else None,
            "name": self._request.name,
            "gallery": self._request.gallery,
            "gallery_image": self._request.gallery_image,
            **shown,
            "diff": diff_of({} if import_needed else managed, wanted),
        }

    def ensure_absent(self, *, check_mode: bool) -> dict[str, Any]:
        self._request.check()
        found = self._resource.get() if check_mode else self._resource.settled()
        if found is None:
            return {"changed": False, "name": self._request.name}
        if not check_mode:
            self._resource.delete()
        before = shown_version(found)
        return {"changed": True, "id": found.id, "name": self._request.name, "diff": diff_of(before, {})}

    # -- what is wanted

    def _wanted(self, before: Mapping[str, Any]) -> dict[str, Any]:
        request = self._request
        end_of_life = shown_date(parsed_date(request.end_of_life_date))
        exclude = before.get("exclude_from_latest", False)
        tags = merged_tags(before.get("tags"), request.tags, append=request.append_tags)
        return {
            "location": before.get("location") or normal_region(request.location or ""),
            "target_regions": self._wanted_regions(before),
            "end_of_life_date": end_of_life or before.get("end_of_life_date"),
            "exclude_from_latest": exclude if request.exclude_from_latest is None else request.exclude_from_latest,
            "tags": {**tags, IDENTITY_KEY: request.source_sha256},
        }

    def _wanted_regions(self, before: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Those asked for, those that are there already, and the version's own, which Azure demands."""
        home = before.get("location") or normal_region(self._request.location or "")
        regions = {region["name"]: region for region in before.get("target_regions", ())}
        regions |= {region.name: dataclasses.asdict(region) for region in self._request.target_regions}
        regions.setdefault(home, dataclasses.asdict(TargetRegion(home)))
        return sorted(regions.values(), key=lambda region: str(region["name"]))

    def _locations(self) -> dict[str, list[str]]:
        own = [self._request.location] if self._request.location else []
        return {"location": own, "target_regions": [region.name for region in self._request.target_regions]}

    def _check_identity(self, before: Mapping[str, Any]) -> None:
        request = self._request
        remedy = "give option name another version, or delete it with state=absent"
        holds = before["tags"].get(IDENTITY_KEY)
        if holds is None:
            raise ConflictError(f"{self._resource.what} exists and was not made by this module: {remedy}")
        if holds != request.source_sha256:
            raise ConflictError(
                f"{self._resource.what} holds other content, made from the image with SHA-256 {holds}: {remedy}"
            )
        if request.location is not None and before["location"] != normal_region(request.location):
            raise ConflictError(
                f"{self._resource.what} is in {before['location']}, not in {request.location}, and cannot be moved: "
                "give option location that region and add others to target_regions"
            )

    def _check_source(self, *, check_mode: bool) -> str:
        """The storage account's resource ID, after checks that need nothing that an earlier task creates."""
        request = self._request
        missing = [
            option for option in ("location", "source_uri", "storage_account") if getattr(request, option) is None
        ]
        if missing and not (check_mode and missing == ["source_uri"]):
            raise InputError(f"{', '.join(missing)} needed, since {self._resource.what} must be imported")
        uri = request.source_uri
        if uri is not None and not urlsplit(uri).path.endswith(".vhd"):
            raise InputError(f"source_uri {uri!r} must end with '.vhd': Azure imports no other blobs as images")
        account = self._subscription.storage_account(
            str(request.storage_account), request.storage_account_resource_group or request.resource_group
        )
        endpoint = account.get("properties", {}).get("primaryEndpoints", {}).get("blob", "")
        if uri is not None and not uri.startswith(endpoint):
            raise InputError(f"source_uri {uri!r} is not in storage account {request.storage_account!r}, at {endpoint}")
        return str(account["id"])

    # -- acting

    def _create_body(self, wanted: Mapping[str, Any], account_id: str) -> dict[str, Any]:
        source = {"storageAccountId": account_id, "uri": self._request.source_uri}
        return {
            "location": wanted["location"],
            "tags": wanted["tags"],
            "properties": {
                "publishingProfile": _publishing_profile(wanted),
                "storageProfile": {"osDiskImage": {"hostCaching": "ReadOnly", "source": source}},
            },
        }

    def _replicated(self) -> Any:
        """The version, when it has reached every region.

        :raises ProviderError: when it has not, in Azure's words.
        :raises WaitTimeoutError: after ``wait_timeout``.
        """
        progress = Progress("replicate", 100, "percent")

        def check() -> Any | None:
            version = self._resource.read_back(**_EXPAND)
            summary = (version.replication_status and version.replication_status.summary) or []
            failed = [f"{region.region} ({region.details})" for region in summary if text(region.state) == "Failed"]
            if failed:
                raise ProviderError(
                    f"Cannot replicate {self._resource.what} to {', '.join(failed)}.",
                    operation="GalleryImageVersions_CreateOrUpdate",
                    code="ReplicationFailed",
                )
            if not summary:
                return None
            progress.update(min(region.progress or 0 for region in summary))
            return version if all(text(region.state) == "Completed" for region in summary) else None

        return wait_until(
            check,
            timeout=self._wait.timeout,
            interval=self._wait.interval,
            what=f"{self._resource.what} to be replicated",
        )


def parsed_regions(regions: Sequence[Mapping[str, Any]] | None) -> list[TargetRegion]:
    """Option ``target_regions``."""
    return [
        TargetRegion(normal_region(region["name"]), region["regional_replica_count"], region["storage_account_type"])
        for region in regions or ()
    ]


def _publishing_profile(wanted: Mapping[str, Any]) -> dict[str, Any]:
    profile = {
        "targetRegions": [TargetRegion(**region).as_body() for region in wanted["target_regions"]],
        "excludeFromLatest": wanted["exclude_from_latest"],
        "endOfLifeDate": wanted["end_of_life_date"],
    }
    return {name: value for name, value in profile.items() if value is not None}


def _update_body(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if before["tags"] != wanted["tags"]:
        body["tags"] = wanted["tags"]
    if any(before[name] != wanted[name] for name in ("target_regions", "exclude_from_latest", "end_of_life_date")):
        body["properties"] = {"publishingProfile": _publishing_profile(wanted)}
    return body


def _region_names(before: Mapping[str, Any]) -> set[str]:
    return {region["name"] for region in before.get("target_regions", ())}


def shown_version(version: Any | None) -> dict[str, Any]:
    """A version as results show it, its regions in order of their names."""
    if version is None:
        return {}
    profile = version.publishing_profile
    regions = [
        dataclasses.asdict(
            TargetRegion(
                normal_region(region.name),
                region.regional_replica_count or 1,
                text(region.storage_account_type or "Standard_LRS"),
            )
        )
        for region in (profile and profile.target_regions) or ()
    ]
    return {
        "provisioning_state": text(version.provisioning_state),
        "location": normal_region(version.location),
        "target_regions": sorted(regions, key=lambda region: str(region["name"])),
        "published_date": shown_date(profile.published_date) if profile else None,
        "end_of_life_date": shown_date(profile.end_of_life_date) if profile else None,
        "exclude_from_latest": bool(profile and profile.exclude_from_latest),
        "tags": dict(version.tags or {}),
    }
