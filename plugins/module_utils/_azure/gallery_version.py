# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image version in a compute gallery, imported from a page blob and replicated to regions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .._core.dates import parsed_moment, shown_moment
from .._core.diff import attributes_of, diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256, refuse_other_content
from .._core.progress import Progress
from .._core.wait import Wait
from .clients import AzureClients
from .gallery import check_gallery_name
from .gallery_image import check_image_name
from .gallery_resource import GalleryResource
from .gallery_version_state import GalleryVersionAttributes, GalleryVersionState, TargetRegion
from .subscription import Subscription, normal_region
from .tags import merged_tags

_NAME = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_MAX_NUMBER = 2**31 - 1
_MAX_REPLICAS = 100
_REMEDY = "give option name another version, or delete it with state=absent"


@dataclasses.dataclass(frozen=True)
class RegionRequest:
    """What option ``target_regions`` says of one region; ``None`` leaves an attribute as it is."""

    name: str
    regional_replica_count: int | None
    storage_account_type: str | None

    def wanted(self, existing: TargetRegion | None) -> TargetRegion:
        base = existing or TargetRegion(self.name)
        return TargetRegion(
            self.name,
            self.regional_replica_count or base.regional_replica_count,
            self.storage_account_type or base.storage_account_type,
        )


@dataclasses.dataclass(frozen=True)
class GalleryVersionRequest:
    """What module ``alpine_azure_gallery_version`` was asked for; ``None`` leaves an attribute as it is."""

    resource_group: str
    gallery: str
    gallery_image: str
    name: str
    source_sha256: str
    """Empty where the version is to go, whatever it holds."""
    location: str | None
    source_uri: str | None
    storage_account: str | None
    storage_account_resource_group: str
    target_regions: tuple[RegionRequest, ...]
    purge_target_regions: bool
    end_of_life_date: str | None
    """As results show it."""
    exclude_from_latest: bool | None
    tags: Mapping[str, Any] | None
    append_tags: bool
    wait: Wait

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> GalleryVersionRequest:
        """:raises InputError: for names and numbers that Azure does not allow."""
        check_gallery_name(params["gallery"], "gallery")
        check_image_name(params["gallery_image"], "gallery_image")
        _check_version(params["name"])
        if params["tags"] and IDENTITY_KEY in params["tags"]:
            raise InputError(f"tags: {IDENTITY_KEY!r} is set by the module, from source_sha256")
        end_of_life = parsed_moment(params["end_of_life_date"], "end_of_life_date")
        return cls(
            resource_group=params["resource_group"],
            gallery=params["gallery"],
            gallery_image=params["gallery_image"],
            name=params["name"],
            source_sha256=checked_sha256(params["source_sha256"]) if params["source_sha256"] else "",
            location=params["location"],
            source_uri=params["source_uri"],
            storage_account=params["storage_account"],
            storage_account_resource_group=params["storage_account_resource_group"] or params["resource_group"],
            target_regions=_checked_regions(params["target_regions"] or ()),
            purge_target_regions=params["purge_target_regions"],
            end_of_life_date=shown_moment(end_of_life) if end_of_life else None,
            exclude_from_latest=params["exclude_from_latest"],
            tags=params["tags"],
            append_tags=params["append_tags"],
            wait=Wait.from_params(params),
        )

    @property
    def what(self) -> str:
        return f"image version {self.gallery}/{self.gallery_image}/{self.name}"

    @property
    def locations(self) -> dict[str, list[str]]:
        """The regions by the option that names them."""
        own = [self.location] if self.location else []
        return {"location": own, "target_regions": [region.name for region in self.target_regions]}

    def wanted(self, existing: GalleryVersionAttributes | None) -> GalleryVersionAttributes:
        """:param existing: ``None`` where the version must be imported."""
        location = existing.location if existing else normal_region(self.location or "")
        # Those that are there already, those asked for, and the version's own, which Azure demands.
        held = {region.name: region for region in existing.target_regions} if existing else {}
        regions = {} if self.purge_target_regions else dict(held)
        regions |= {region.name: region.wanted(held.get(region.name)) for region in self.target_regions}
        regions.setdefault(location, held.get(location, TargetRegion(location)))
        exclude = self.exclude_from_latest
        if exclude is None:
            exclude = bool(existing and existing.exclude_from_latest)
        tags = merged_tags(existing.tags if existing else None, self.tags, append=self.append_tags)
        return GalleryVersionAttributes(
            location=location,
            target_regions=[regions[name] for name in sorted(regions)],
            end_of_life_date=self.end_of_life_date or (existing.end_of_life_date if existing else None),
            exclude_from_latest=exclude,
            tags={**tags, IDENTITY_KEY: self.source_sha256},
        )

    def check_identity(self, found: GalleryVersionState) -> None:
        """:raises ConflictError: when the version is not ours, or holds other content, or is elsewhere."""
        if found.source_sha256 is None:
            raise ConflictError(f"{self.what} exists and was not made by this module: {_REMEDY}")
        if found.source_sha256 != self.source_sha256:
            raise ConflictError(
                f"{self.what} holds other content, made from the image with SHA-256 {found.source_sha256}: {_REMEDY}"
            )
        location = found.managed.location
        if self.location is not None and location != normal_region(self.location):
            raise ConflictError(
                f"{self.what} is in {location}, not in {self.location}, and cannot be moved: give option location that "
                "region and add others to target_regions"
            )


def ensure_present(clients: AzureClients, request: GalleryVersionRequest, *, check_mode: bool) -> dict[str, Any]:
    """Import the version unless it is there, and bring its regions, dates and tags to what is wanted.

    :raises ConflictError: when a version of that name holds other content.
    :raises ProviderError: when the import or the replication to a region fails.
    """
    resource = _resource(clients, request)
    found = resource.found(check_mode=check_mode)
    if found is not None:
        request.check_identity(found)
    existing = None if found is None or found.is_lost else found
    before = existing.managed if existing else None
    wanted = request.wanted(before)
    changed = before != wanted or (existing is not None and _needs_repair(existing))
    if existing is None or before is None:
        account_id = _check_source(clients.subscription, request, check_mode=check_mode)
        clients.subscription.check_locations(request.locations)
        if not check_mode:
            if found is not None:
                # Azure lets nobody overwrite a version whose import has failed.
                resource.delete(must_end=True)
            if not resource.create(_create_body(request, wanted, account_id)):
                _join(resource, request)
    else:
        if {region.name for region in wanted.target_regions} - {region.name for region in before.target_regions}:
            clients.subscription.check_locations(request.locations)
        if changed and not check_mode:
            _update(resource, request, existing, wanted)
    if check_mode:
        unknown = {"provisioning_state": None, "published_date": None}
        shown = {**(existing.shown if existing else unknown), **attributes_of(wanted)}
    else:
        found = _replicated(resource, request) if request.wait.enabled else resource.get()
        if found is None:
            raise ProviderError(f"{request.what} is gone.", operation="GalleryImageVersions_Get")
        # Someone else may have been faster.
        request.check_identity(found)
        shown = dict(found.shown)
    return {
        "changed": changed,
        "import_needed": before is None,
        "id": found.id if found else None,
        "name": request.name,
        "gallery": request.gallery,
        "gallery_image": request.gallery_image,
        **shown,
        "diff": diff_of(before, wanted),
    }


def ensure_absent(clients: AzureClients, request: GalleryVersionRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete the version; when ``source_sha256`` is given, only one that holds that content.

    :raises ConflictError: when it holds other content.
    """

    def check(found: GalleryVersionState) -> None:
        refuse_other_content(request.what, held=found.source_sha256, wanted=request.source_sha256 or None)

    return _resource(clients, request).ensure_absent(check_mode=check_mode, check=check)


def _check_version(name: str) -> None:
    match = _NAME.fullmatch(name)
    if not match or any(int(number) > _MAX_NUMBER for number in match.groups()):
        raise InputError(
            f"name {name!r} is not a version: Azure wants three numbers such as 3.24.2002, each at most "
            f"{_MAX_NUMBER}, and nothing like -r1"
        )


def _checked_regions(given: Iterable[Mapping[str, Any]]) -> tuple[RegionRequest, ...]:
    regions = tuple(
        RegionRequest(normal_region(region["name"]), region["regional_replica_count"], region["storage_account_type"])
        for region in given
    )
    names = [region.name for region in regions]
    for region in regions:
        if names.count(region.name) > 1:
            raise InputError(f"target_regions names {region.name!r} twice")
        if not 1 <= (1 if region.regional_replica_count is None else region.regional_replica_count) <= _MAX_REPLICAS:
            raise InputError(f"target_regions: regional_replica_count of {region.name!r} must be 1 to {_MAX_REPLICAS}")
    return regions


def _check_source(subscription: Subscription, request: GalleryVersionRequest, *, check_mode: bool) -> str:
    """The storage account's resource ID, after checks that need nothing that an earlier task creates."""
    missing = [option for option in ("location", "source_uri", "storage_account") if getattr(request, option) is None]
    if missing and not (check_mode and missing == ["source_uri"]):
        raise InputError(f"{', '.join(missing)} needed, since {request.what} must be imported")
    uri = request.source_uri
    if uri is not None and not urlsplit(uri).path.endswith(".vhd"):
        raise InputError(f"source_uri {uri!r} must end with '.vhd': Azure imports no other blobs as images")
    account = subscription.storage_account(str(request.storage_account), request.storage_account_resource_group)
    endpoint = account.blob_endpoint
    if uri is not None and not uri.startswith(endpoint):
        raise InputError(f"source_uri {uri!r} is not in storage account {request.storage_account!r}, at {endpoint}")
    return account.id


def _create_body(request: GalleryVersionRequest, wanted: GalleryVersionAttributes, account_id: str) -> dict[str, Any]:
    source = {"storageAccountId": account_id, "uri": request.source_uri}
    return {
        "location": wanted.location,
        "tags": wanted.tags,
        "properties": {
            "publishingProfile": _publishing_profile(None, wanted),
            "storageProfile": {"osDiskImage": {"hostCaching": "ReadOnly", "source": source}},
        },
    }


def _join(resource: GalleryResource[GalleryVersionState], request: GalleryVersionRequest) -> None:
    """Bring a version that someone else has begun to what this run wants."""
    found = resource.read_back()
    request.check_identity(found)
    wanted = request.wanted(found.managed)
    if request.wait.enabled and found.managed != wanted:
        _update(resource, request, found, wanted)


def _needs_repair(version: GalleryVersionState) -> bool:
    """Whether it is good, but not everywhere, or a change of it has failed."""
    return version.provisioning_state == "Failed" or bool(version.failed_regions)


def _update(
    resource: GalleryResource[GalleryVersionState],
    request: GalleryVersionRequest,
    existing: GalleryVersionState,
    wanted: GalleryVersionAttributes,
) -> None:
    # Azure's own advice: take the regions that have failed away, and add them again.
    # https://github.com/Azure/azure-cli/issues/15539
    failed = existing.failed_regions - {wanted.location}
    without = dataclasses.replace(wanted, target_regions=[r for r in wanted.target_regions if r.name not in failed])
    try:
        if without != wanted and request.wait.enabled:
            resource.update(_update_body(existing, without))
        resource.update(_update_body(existing, wanted))
    except ProviderError as error:
        if error.status != 409 or not _needs_repair(existing):
            raise
        raise ProviderError(
            f"{error.message} The version is in provisioning state {existing.provisioning_state}, and failed in "
            f"{', '.join(sorted(existing.failed_regions)) or 'no region'}. If Azure does not let it be mended, delete "
            "it with state=absent and import it again.",
            operation=error.operation,
            code=error.code,
            status=error.status,
        ) from error


def _update_body(existing: GalleryVersionState, wanted: GalleryVersionAttributes) -> dict[str, Any]:
    before = existing.managed
    body: dict[str, Any] = {}
    if before.tags != wanted.tags:
        body["tags"] = wanted.tags
    if dataclasses.replace(before, tags=wanted.tags) != wanted or _needs_repair(existing):
        body["properties"] = {"publishingProfile": _publishing_profile(existing, wanted)}
    return body


def _publishing_profile(existing: GalleryVersionState | None, wanted: GalleryVersionAttributes) -> dict[str, Any]:
    """What a request says of all but location and tags: what there is, with the changes."""
    profile = existing.publishing_profile if existing else {}
    bodies = {normal_region(body["name"]): body for body in profile.get("targetRegions", ())}
    held = {region.name: region for region in existing.managed.target_regions} if existing else {}
    regions = [
        bodies[region.name] if held.get(region.name) == region else {**bodies.get(region.name, {}), **region.body}
        for region in wanted.target_regions
    ]
    ends = {"endOfLifeDate": wanted.end_of_life_date} if wanted.end_of_life_date else {}
    return {**profile, "targetRegions": regions, "excludeFromLatest": wanted.exclude_from_latest, **ends}


def _replicated(resource: GalleryResource[GalleryVersionState], request: GalleryVersionRequest) -> GalleryVersionState:
    """The version, when it has reached every region.

    :raises ProviderError: when it has not, in Azure's words.
    :raises WaitTimeoutError: after ``wait_timeout``.
    """
    progress = Progress("replicate", 100, "percent")

    def check() -> GalleryVersionState | None:
        version = resource.read_back()
        told = {entry.region: entry for entry in version.replications}
        failed = [f"{name} ({entry.details})" for name, entry in told.items() if entry.state == "Failed"]
        if failed:
            raise ProviderError(
                f"Cannot replicate {request.what} to {', '.join(failed)}.",
                operation="GalleryImageVersions_CreateOrUpdate",
                code="ReplicationFailed",
            )
        # A region that Azure does not list yet is not replicated.
        regions = [told.get(region.name) for region in version.managed.target_regions]
        progress.update(min((entry.progress if entry else 0 for entry in regions), default=0))
        return version if regions and all(entry and entry.state == "Completed" for entry in regions) else None

    return request.wait.until(check, what=f"{request.what} to be replicated")


def _resource(clients: AzureClients, request: GalleryVersionRequest) -> GalleryResource[GalleryVersionState]:
    return GalleryResource(
        clients.compute.gallery_image_versions,
        GalleryVersionState.of,
        kind="GalleryImageVersions",
        path=(request.resource_group, request.gallery, request.gallery_image, request.name),
        what=request.what,
        wait=request.wait,
        expand="ReplicationStatus",
    )
