# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Identity service, as far as launches need it: the availability domains of the region."""

from __future__ import annotations

import oci.identity.models
from flask import Response, request

from tests.sandbox._oci._account import AVAILABILITY_DOMAINS, Account, new_ocid
from tests.sandbox._oci._api import Api, json_response


class Identity:
    """The service."""

    def __init__(self, account: Account) -> None:
        self.api = Api("identity", account, oci.identity.models, base_path="/20160918")
        self._ids = {name: new_ocid("availabilitydomain", regional=False) for name in AVAILABILITY_DOMAINS}
        self.api.operation("ListAvailabilityDomains", "GET", "/availabilityDomains")(self.list)

    def list(self) -> Response:
        compartment = self.api.check_compartment(request.args.get("compartmentId"))
        return json_response(
            [{"id": ocid, "name": name, "compartmentId": compartment} for name, ocid in self._ids.items()]
        )
