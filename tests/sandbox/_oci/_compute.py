# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compute service: custom images with their shapes and capabilities, instances with their networks and consoles."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType

import oci.core.models
import oci.work_requests.models
from flask import Response

from tests.sandbox._cloud import Context
from tests.sandbox._machines import MachineRoom
from tests.sandbox._oci._account import Account
from tests.sandbox._oci._api import Api
from tests.sandbox._oci._capabilities import Capabilities
from tests.sandbox._oci._console_histories import ConsoleHistories
from tests.sandbox._oci._images import Images
from tests.sandbox._oci._instances import Instances
from tests.sandbox._oci._networks import Networks
from tests.sandbox._oci._object_storage import ObjectStorage
from tests.sandbox._oci._shapes import Shapes
from tests.sandbox._oci._work_requests import WorkRequests


def _all_models() -> ModuleType:
    """The models of Compute and of its work requests, whose names do not overlap."""
    models = ModuleType("models")
    vars(models).update({**vars(oci.work_requests.models), **vars(oci.core.models)})
    return models


class Compute:
    """The service."""

    def __init__(
        self, context: Context, account: Account, storage: ObjectStorage, room: MachineRoom, directory: Path
    ) -> None:
        self._lock = threading.RLock()
        self.api = Api("compute", account, _all_models(), base_path="/20160918")
        work_requests = WorkRequests(self.api, self._lock)
        self._images = Images(self.api, context, storage, work_requests, self._lock, directory)
        register = self.api.operation
        register("ListImages", "GET", "/images")(self._images.list)
        register("CreateImage", "POST", "/images")(self._images.create)
        register("GetImage", "GET", "/images/<image_id>")(self._images.get)
        register("UpdateImage", "PUT", "/images/<image_id>")(self._images.update)
        register("DeleteImage", "DELETE", "/images/<image_id>")(self._delete_image)
        Shapes(self.api, self._images, self._lock)
        self._capabilities = Capabilities(self.api, self._images, self._lock)
        self.networks = Networks(self.api, account, self._lock)
        self._instances = Instances(
            self.api, context, room, self._images, self._capabilities, self.networks, work_requests, self._lock
        )
        self._histories = ConsoleHistories(self.api, context, self._instances, self._lock)

    def raw_disk(self, image_id: str) -> Path:
        """Where the raw disk of an available image is.

        :raises LookupError: when there is no such image.
        """
        return self._images.raw_disk(image_id)

    def holdings(self) -> dict[str, list[str]]:
        held = {**self._instances.holdings(), "console_histories": self._histories.ids}
        return {kind: ids for kind, ids in held.items() if ids}

    def _delete_image(self, image_id: str) -> Response:
        with self._lock:
            self._images.delete(image_id)
            self._capabilities.forget(image_id)
        return Response(status=204)
