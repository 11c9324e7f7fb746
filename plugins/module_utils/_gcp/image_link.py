# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an image is named, in this project or another one."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from .._core.errors import InputError, ProviderError
from .clients import GcpClients, call_options
from .errors import provider_errors
from .names import checked_name

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Image

_LINK = re.compile(r"(?:https://[^/]+/compute/v1/)?(?:projects/(?P<project>[^/]+)/)?global/images/(?P<name>[^/]+)")


@dataclasses.dataclass(frozen=True)
class ImageLink:
    """A Compute Engine image."""

    project: str
    name: str

    @classmethod
    def parse(cls, value: str, project: str, option: str = "image") -> ImageLink:
        """Read a name or a link.

        :param project: where a name alone is looked for.
        :raises InputError: for anything else, such as the link of an image family.
        """
        if "/" not in value:
            return cls(project, checked_name(value, option))
        match = _LINK.fullmatch(value)
        if match is None:
            raise InputError(
                f"{option} must be the name of an image, or its link, such as projects/PROJECT/global/images/NAME; got "
                f"{value!r}. An image family is none: name the image that it stands for"
            )
        return cls(match["project"] or project, match["name"])

    @property
    def path(self) -> str:
        """The link without the API's URL, so that links through whatever endpoint can be compared."""
        return f"projects/{self.project}/global/images/{self.name}"

    def read(self, clients: GcpClients) -> Image | None:
        """The image as Compute Engine tells it; ``None`` when there is none."""
        try:
            with provider_errors("images.get", f"look for image {self.path}"):
                return clients.images.get(project=self.project, image=self.name, **call_options())
        except ProviderError as error:
            # A missing project is 404 as well.
            if error.status == 404 and f"images/{self.name}" in error.message:
                return None
            raise
