# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from google.api_core import exceptions as api

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.os_login import is_on, warn_of_os_login
from tests.support.fake_instances import FakeInstances


@pytest.mark.parametrize(
    ("value", "on"),
    [("TRUE", True), ("true", True), (" True\n", True), ("1", True), ("Y", True), ("yes", True), ("FALSE", False),
     ("", False), ("on", False), (None, False)],
)  # fmt: skip
def test_the_values_of_the_metadata_key(value: str | None, on: bool) -> None:
    assert is_on(value) is on


def _warnings(cloud: FakeInstances, of_instance: str | None = None) -> list[str]:
    warnings: list[str] = []
    warn_of_os_login(cloud.clients, of_instance, warnings.append)
    return warnings


@pytest.mark.parametrize(
    ("of_project", "of_instance", "words"),
    [
        ({}, None, None),
        ({"enable-oslogin": "FALSE"}, None, None),
        ({"enable-oslogin": "TRUE"}, None, "Project my-project has OS Login on: "),
        ({"enable-oslogin": "TRUE"}, "FALSE", None),
        ({}, "TRUE", "OS Login is on in this machine: "),
    ],
)
def test_who_is_let_in_by_rights_alone_is_told(
    of_project: dict[str, str], of_instance: str | None, words: str | None
) -> None:
    cloud = FakeInstances()
    cloud.project_metadata = of_project
    warnings = _warnings(cloud, of_instance)
    assert [warning.startswith(words or "-") for warning in warnings] == ([True] if words else [])
    if of_instance is None and words:
        assert "os_login=false" in warnings[0]
        assert "compute.requireOsLogin" in warnings[0]


def test_what_may_not_be_read_is_told() -> None:
    cloud = FakeInstances()
    cloud.refusals = {"projects.get": api.Forbidden("Required 'compute.projects.get' permission")}
    [warning] = _warnings(cloud)
    assert "permission compute.projects.get is missing" in warning


def test_another_refusal_is_an_error() -> None:
    cloud = FakeInstances()
    cloud.refusals = {"projects.get": api.NotFound("The resource 'projects/my-project' was not found")}
    with pytest.raises(ProviderError, match="could not read the metadata of project my-project"):
        _warnings(cloud)
