# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.client

import pytest
import requests

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import AlpineCloudError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.secrets import all_hidden, hidden


@pytest.mark.parametrize(
    ("told", "remains"),
    [
        ("no route to https://me:hush@host:443/a", "no route to https://***@host:443/a"),
        ("https://a/c.vhd?sv=1&sig=hush%2B&se=2 failed", "https://a/c.vhd?sv=1&sig=***&se=2 failed"),
        ("?X-Amz-Security-Token=hush&X-Goog-Signature=hush", "?X-Amz-Security-Token=***&X-Goog-Signature=***"),
        ("client_secret=hush&password=hush'", "client_secret=***&password=***'"),
        ("keyId ST$hushhush said", "keyId ST$*** said"),
        ("'Bearer hush.hush'", "'Bearer ***'"),
        ("https://os.example/p/hush/n/ns/b/bk/o/x", "https://os.example/p/***/n/ns/b/bk/o/x"),
        ("A Basic SKU at https://host/a@b, in design=1", "A Basic SKU at https://host/a@b, in design=1"),
    ],
)
def test_secrets_are_known_by_their_places(told: str, remains: str) -> None:
    assert hidden(told) == remains
    assert AlpineCloudError(told).message == remains
    error = ProviderError("why", operation="Get", details={"errors": [{"message": told, "code": 1}]})
    assert error.details == {"errors": [{"message": remains, "code": 1}]}


def test_values_of_headers_are_not_told() -> None:
    connection = http.client.HTTPConnection("host")
    connection.putrequest("GET", "/")
    with pytest.raises(ValueError, match="hush") as caught:
        connection.putheader("X-Token", "hush\n")
    assert hidden(str(caught.value)) == "Invalid header value ***"
    with pytest.raises(requests.exceptions.InvalidHeader, match="hush") as refused:
        requests.Request("GET", "https://host", headers={"X-Token": "hush\n"}).prepare()
    assert "hush" not in hidden(str(refused.value))


def test_what_is_no_text_stays() -> None:
    assert all_hidden({"a": [1, None, True], "b": ("c",)}) == {"a": [1, None, True], "b": ["c"]}
