# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of Compute Engine's SDK as the collection uses, for unit tests."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable
from typing import Any

from google.api_core import exceptions as api
from google.cloud import compute_v1 as compute

from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import Wait
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.gce_image import GceImageRequest

SHA256 = "ab" * 32
NAME = "alpine-3-24-2-x86-64-tiny-r0"
SOURCE = "https://storage.googleapis.com/images/alpine.tar.gz"
WAIT = Wait(True, 10, 0)
NO_WAIT = Wait(False, 10, 0)
FEATURES = ["GVNIC", "UEFI_COMPATIBLE", "VIRTIO_SCSI_MULTIQUEUE"]


def image_request(**options: Any) -> GceImageRequest:
    """What asks for the image that :meth:`FakeCompute.put` puts there."""
    return GceImageRequest(
        **{
            "name": NAME,
            "source_sha256": SHA256,
            "wait": WAIT,
            "source": SOURCE,
            "architecture": "X86_64",
            "guest_os_features": FEATURES,
            **options,
        }
    )


class FakeCompute:
    """All clients of Compute Engine, with images that change when their operation is looked at as often as set."""

    project = "my-project"

    def __init__(self) -> None:
        self.images: dict[str, Any] = {}
        self.regions = {"europe-west1"}
        self.requests: list[Any] = []
        self.polls_needed = 0
        self.last_filter: str | None = None
        self.import_error: Any = None
        self.import_status = (0, "")
        """The HTTP status with which an import fails, and its name; 0 where it does not."""
        self.import_spoils: Callable[[Any], None] = lambda _image: None
        self._operations: dict[str, tuple[Any, Callable[[], None]]] = {}
        self._polls: dict[str, int] = {}
        self._numbers = itertools.count(100)

    def put(self, **fields: Any) -> Any:
        features = [compute.GuestOsFeature(type_=feature) for feature in fields.pop("features", FEATURES)]
        image = compute.Image(
            **{
                "name": NAME,
                "id": next(self._numbers),
                "self_link": f"https://compute.example/{NAME}",
                "status": "READY",
                "architecture": "X86_64",
                "guest_os_features": features,
                "labels": {"source-sha256": SHA256[:63]},
                "label_fingerprint": "fingerprint",
                "storage_locations": ["us"],
                "disk_size_gb": 1,
                **fields,
            }
        )
        self.images[image.name] = image
        return image

    def _begin(self, request: Any, kind: str, image: Any, work: Callable[[], None], error: Any = None) -> Any:
        self.requests.append(request)
        operation = compute.Operation(
            name=f"operation-{next(self._numbers)}", operation_type=kind, target_id=image.id, status="RUNNING"
        )
        if error:
            operation.error = compute.Error(errors=[compute.Errors(**error)])
            operation.http_error_status_code = 400
        if kind == "insert" and self.import_status[0]:
            operation.http_error_status_code, operation.http_error_message = self.import_status
        self._operations[operation.name] = operation, work
        return operation

    @property
    def clients(self) -> Any:
        """What GcpClients would be."""
        return types.SimpleNamespace(project=self.project, images=self, operations=self, regions=self)

    # Operations client

    def get_operation(self, operation: str) -> Any:
        known, work = self._operations[operation]
        self._polls[operation] = self._polls.get(operation, 0) + 1
        if self._polls[operation] > self.polls_needed and known.status != compute.Operation.Status.DONE:
            work()
            known.status = "DONE"
            known.progress = 100
        return known

    # All three clients share the name

    def get(
        self,
        project: str,
        timeout: float,
        retry: Any,
        image: str | None = None,
        operation: str = "",
        region: str | None = None,
    ) -> Any:
        assert project == self.project
        if region is not None:
            if region not in self.regions:
                raise api.NotFound(f"The resource 'projects/my-project/regions/{region}' was not found")
            return compute.Region(name=region)
        if image is None:
            return self.get_operation(operation)
        if image not in self.images:
            raise api.NotFound(f"The resource 'projects/my-project/global/images/{image}' was not found")
        return compute.Image(self.images[image])

    def insert_unary(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        request = compute.InsertImageRequest(fields)
        image = compute.Image(request.image_resource)
        image.id = next(self._numbers)
        image.status = "PENDING"
        image.label_fingerprint = "first"
        image.self_link = f"https://compute.example/{image.name}"
        image.disk_size_gb = 1
        image.archive_size_bytes = 12345
        image.creation_timestamp = "2026-01-02T03:04:05.678-07:00"
        image.storage_locations = list(image.storage_locations) or ["us"]
        self.images[image.name] = image

        def work() -> None:
            image.status = "FAILED" if self.import_error else "READY"
            self.import_spoils(image)

        return self._begin(request, "insert", image, work, self.import_error)

    def delete_unary(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        request = compute.DeleteImageRequest(fields)
        image = next((each for each in self.images.values() if request.image == str(each.id)), None)
        if image is None:
            raise api.NotFound(f"The resource 'projects/my-project/global/images/{request.image}' was not found")
        return self._begin(request, "delete", image, lambda: self.images.pop(image.name))

    def patch_unary(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        request = compute.PatchImageRequest(fields)
        image = self.images[request.image]

        def work() -> None:
            for key in ("family", "description"):
                if key in request.image_resource:
                    setattr(image, key, getattr(request.image_resource, key))

        return self._begin(request, "patch", image, work)

    def set_labels_unary(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        request = compute.SetLabelsImageRequest(fields)
        image = self.images[request.resource]

        def work() -> None:
            image.labels = request.global_set_labels_request_resource.labels

        return self._begin(request, "setLabels", image, work)

    def kinds(self) -> list[str]:
        return [type(request).__name__.removesuffix("ImageRequest") for request in self.requests]

    # Last, since it hides the type.

    def list(self, fields: dict[str, Any], timeout: float, retry: Any) -> list[Any]:
        request = compute.ListGlobalOperationsRequest(fields)
        assert request.project == self.project
        self.last_filter = request.filter
        return [known for known, _work in self._operations.values() if str(known.target_id) in request.filter]
