# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that a virtual machine is created from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.sandbox._azure._errors import ArmError, invalid_parameter
from tests.sandbox._azure._galleries import Galleries
from tests.sandbox._azure._resources import Resource

_IMAGE_ID = re.compile(
    r"(?P<group>/subscriptions/[^/]+/resourceGroups/[^/]+)/providers/Microsoft\.Compute/galleries/(?P<gallery>[^/]+)"
    r"/images/(?P<image>[^/]+)(?:/versions/(?P<version>[^/]+))?",
    re.IGNORECASE,
)


def find_image(galleries: Galleries, group_id: str, reference: dict[str, Any], location: str) -> tuple[Resource, Path]:
    """Its definition and its disk. The reference then says which version it is.

    :raises ArmError: when there is no such image in that region.
    """
    match = _IMAGE_ID.fullmatch(reference.get("id") or "")
    if match is None:
        raise invalid_parameter("The value of parameter imageReference is invalid.", "imageReference")
    path = (match["gallery"], match["image"])
    definition = galleries.find(path) if match["group"].lower() == group_id.lower() else None
    found = [
        version
        for version in (galleries.children(path) if definition else [])
        if version.disk
        and version.state == "Succeeded"
        and version.available_in(location)
        and match["version"] in (None, version.path[-1])
        and not (match["version"] is None and version.body["properties"]["publishingProfile"]["excludeFromLatest"])
    ]
    if definition is None or not found:
        raise ArmError(
            404,
            "GalleryImageNotFound",
            f"The gallery image {reference['id']} is not available in {location} region. Please contact image owner to "
            "replicate to this region, or change your requested region.",
            "imageReference",
        )
    newest = max(found, key=lambda version: [int(number) for number in version.path[-1].split(".")])
    assert newest.disk
    reference["exactVersion"] = newest.path[-1]
    return definition, newest.disk
