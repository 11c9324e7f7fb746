# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's only network: ``default``, with a subnetwork in each region, as new projects have it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from tests.sandbox._gcp._errors import invalid_value
from tests.sandbox._gcp._regions import REGIONS
from tests.sandbox._gcp._requests import link

_FIELD = "resource.networkInterfaces[0]"


class Networks:
    """Finds what an interface is in, and hands out internal addresses."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._hosts = itertools.count(2)

    def place(self, interface: Mapping[str, str], region: str) -> dict[str, str]:
        """Network, subnetwork and address of an interface, as an instance shows them.

        :raises GoogleError: when it names something that is not there, or in another region.
        """
        network = link(self._project, "global/networks/default")
        subnetwork = link(self._project, f"regions/{region}/subnetworks/default")
        for field, there in (("network", network), ("subnetwork", subnetwork)):
            named = interface.get(field)
            if named is not None and self._full(named) != there:
                raise invalid_value(f"{_FIELD}.{field}", named, f"The referenced {field} resource cannot be found.")
        # https://cloud.google.com/vpc/docs/subnets#ip-ranges: auto mode takes 10.128.0.0/9, a /20 for each region.
        number = REGIONS.index(region) * 16
        host = next(self._hosts)
        address = f"10.{128 + number // 256}.{number % 256 + host // 250 % 16}.{host % 250 + 2}"
        return {"network": network, "subnetwork": subnetwork, "networkIP": address}

    def _full(self, url: str) -> str:
        """A URL, whole or in part."""
        path = url.partition("/compute/v1/")[2] or url
        return link(self._project, path.removeprefix(f"projects/{self._project}/"))
