# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.alpine.cloud.plugins.filter.azure_version import FilterModule

azure_version = FilterModule().filters()["azure_version"]


def test_gives_a_version() -> None:
    assert azure_version("3.24.2", 1) == "3.24.2001"
    # As Jinja hands over what was a variable of an inventory.
    assert azure_version("3.24.2", "1") == "3.24.2001"
    assert azure_version("3.24.2", 1, scheme="release") == "3.24.2"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(("3.24", 0), "three numbers"), (("3.24.2", 1000), "0 to 999"), (("3.24.2", "r1"), "r1"),
     (("3.24.2", 0, "other"), "scheme must be one of patch_and_revision, release")],
)  # fmt: skip
def test_refuses_in_the_words_of_a_filter(arguments: tuple[object, ...], reason: str) -> None:
    with pytest.raises(AnsibleFilterError, match=reason):
        azure_version(*arguments)
