# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OS Login: a project in which access rights, not the keys in the metadata, say who may log in.

What an instance's own metadata says wins over what its project says, so that one can be left out. Where the
organization policy ``compute.requireOsLogin`` is in force, Compute Engine refuses to turn it off
(https://cloud.google.com/compute/docs/oslogin/manage-oslogin-in-an-org).
"""

from __future__ import annotations

from collections.abc import Callable

from .._core.errors import ProviderError
from .clients import GcpClients, call_options
from .errors import provider_errors
from .instance_state import OS_LOGIN_KEY

# As Google's guest agent reads them.
_ON = ("true", "1", "yes", "y")


def is_on(value: str | None) -> bool:
    """Whether a value of the metadata key turns OS Login on."""
    return value is not None and value.strip().lower() in _ON


def warn_of_os_login(clients: GcpClients, of_instance: str | None, warn: Callable[[str], None]) -> None:
    """Tell that a key in the metadata may be moot.

    :param of_instance: what the instance's own metadata says of OS Login; ``None`` where it says nothing.
    """
    if of_instance is not None:
        if is_on(of_instance):
            warn(f"OS Login is on in this machine: {_MOOT}.")
        return
    try:
        with provider_errors("projects.get", f"read the metadata of project {clients.project}"):
            project = clients.projects.get(project=clients.project, **call_options())
    except ProviderError as error:
        if error.status != 403:
            raise
        warn(
            f"Whether project {clients.project} has OS Login on, so that ssh_public_key may be moot, cannot be told: "
            "permission compute.projects.get is missing."
        )
        return
    metadata = {item.key: item.value for item in project.common_instance_metadata.items}
    if is_on(metadata.get(OS_LOGIN_KEY)):
        warn(
            f"Project {clients.project} has OS Login on: {_MOOT}. With os_login=false it is off in this machine, "
            "unless the organization policy compute.requireOsLogin forbids that."
        )


_MOOT = (
    "a system that heeds it lets in whom access rights (IAM) let in, and not the owner of ssh_public_key; Tiny Cloud "
    "does not heed it"
)
