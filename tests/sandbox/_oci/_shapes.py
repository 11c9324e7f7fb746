# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes that an image is compatible with, and the constraints for each."""

from __future__ import annotations

import threading
from typing import Any

from flask import Response, request

from tests.sandbox._oci._api import Api, invalid, json_response, not_found
from tests.sandbox._oci._catalogue import SHAPES
from tests.sandbox._oci._images import Images, shape_entry


class Shapes:
    """The operations on them."""

    def __init__(self, api: Api, images: Images, lock: threading.RLock) -> None:
        self._api = api
        self._images = images
        self._lock = lock
        entries, entry = "/images/<image_id>/shapes", "/images/<image_id>/shapes/<shape>"
        api.operation("ListImageShapeCompatibilityEntries", "GET", entries)(self.list_entries)
        api.operation("GetImageShapeCompatibilityEntry", "GET", entry)(self.get_entry)
        api.operation("AddImageShapeCompatibilityEntry", "PUT", entry)(self.add_entry)
        api.operation("RemoveImageShapeCompatibilityEntry", "DELETE", entry)(self.remove_entry)
        api.operation("ListShapes", "GET", "/shapes")(self.list_shapes)

    def list_entries(self, image_id: str) -> Response:
        with self._lock:
            entries = sorted(self._images.available(image_id).shapes.items())
        return self._api.page(entry for _name, entry in entries)

    def get_entry(self, image_id: str, shape: str) -> Response:
        entry = self._images.available(image_id).shapes.get(shape)
        if entry is None:
            raise not_found()
        return json_response(entry)

    def add_entry(self, image_id: str, shape: str) -> Response:
        body = self._api.body("AddImageShapeCompatibilityEntryDetails", optional=True)
        known = {row["shape"]: row for row in SHAPES}
        with self._lock:
            image = self._images.available(image_id)
            if shape.endswith(".Generic"):
                # What it does to the entries behind the alias is worse than a refusal.
                raise invalid(f"{shape} is an alias; the sandbox refuses to add it")
            if shape not in known:
                raise invalid(f"The shape {shape} does not exist")
            self._check_constraints(known[shape], body)
            # The constraints of an entry that exists stay as they are, without a word.
            entry = image.shapes.setdefault(shape, shape_entry(image, shape, body))
        return json_response(entry)

    @staticmethod
    def _check_constraints(shape: dict[str, Any], body: dict[str, Any]) -> None:
        given = [
            (body.get("ocpuConstraints"), "min", "max", shape.get("ocpuOptions"), "min", "max"),
            (body.get("memoryConstraints"), "minInGBs", "maxInGBs", shape.get("memoryOptions"), "minInGBs", "maxInGBs"),
        ]
        for constraints, low, high, options, option_low, option_high in given:
            if constraints is None:
                continue
            if options is None:
                raise invalid(f"The shape {shape['shape']} is not flexible")
            lower = constraints.get(low) or options[option_low]
            upper = constraints.get(high) or options[option_high]
            if not options[option_low] <= lower <= upper <= options[option_high]:
                raise invalid(f"The constraints {lower} to {upper} are not within those of {shape['shape']}")

    def remove_entry(self, image_id: str, shape: str) -> Response:
        with self._lock:
            if self._images.available(image_id).shapes.pop(shape, None) is None:
                raise not_found()
        return Response(status=204)

    def list_shapes(self) -> Response:
        self._api.check_compartment(request.args.get("compartmentId"))
        image_id = request.args.get("imageId")
        allowed = self._images.available(image_id).shapes if image_id else None
        return self._api.page((row for row in SHAPES if allowed is None or row["shape"] in allowed), model="Shape")
