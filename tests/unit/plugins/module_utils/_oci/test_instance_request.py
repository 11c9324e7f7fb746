# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._oci.instance_request import OciInstanceRequest
from tests.support.oci_instances import KEY, NAME, options
from tests.support.scripted_oci import ScriptedOracle


def _request(oracle: ScriptedOracle, **given: Any) -> OciInstanceRequest:
    return OciInstanceRequest.from_params(options(oracle, **given))


def test_key_and_user_data_are_metadata(oracle: ScriptedOracle) -> None:
    assert _request(oracle, ssh_public_key=KEY, user_data="#!/bin/sh").metadata() == {
        "ssh_authorized_keys": KEY,
        "user_data": base64.b64encode(b"#!/bin/sh").decode(),
    }
    assert _request(oracle).metadata() == {}


def test_all_metadata_has_32000_bytes_at_most(oracle: ScriptedOracle) -> None:
    # By hand: the names have 19 and 9 bytes, and base64 makes 4 of 3.
    room = (32_000 - 19 - 9 - len(KEY)) // 4 * 3
    largest = _request(oracle, ssh_public_key=KEY, user_data="#" * room).metadata()
    assert sum(len(name) + len(value) for name, value in largest.items()) <= 32_000
    with pytest.raises(InputError, match="in base64, but Oracle Cloud beside the key takes"):
        _request(oracle, ssh_public_key=KEY, user_data="#" * (room + 1))


def test_tags_are_texts_beside_the_name(oracle: ScriptedOracle) -> None:
    assert _request(oracle, freeform_tags={"cost": 1}).freeform_tags == {"cost": "1", "alpine-cloud-machine": NAME}
    with pytest.raises(InputError, match="is the name of the machine"):
        _request(oracle, freeform_tags={"alpine-cloud-machine": "other"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"boot_volume_size_in_gbs": 49}, "boot_volume_size_in_gbs is 49, but the least is 50"),
        ({"ocpus": 0.0}, "ocpus is 0, but must be more than 0"),
        ({"memory_in_gbs": -1.0}, "memory_in_gbs is -1"),
        ({"ssh_public_key": "nonsense"}, "ssh_public_key must begin with"),
    ],
)
def test_what_cannot_be_is_refused(oracle: ScriptedOracle, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        _request(oracle, **given)
