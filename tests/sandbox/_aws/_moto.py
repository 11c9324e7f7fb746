# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is changed of moto and botocore, and why.

Each change looks whether that which it replaces is still there: a newer moto must not bring its own, more lenient
behaviour back without a word.
"""

from __future__ import annotations

import functools
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tests.support.botocore_descriptions import share_descriptions

if TYPE_CHECKING:
    from tests.sandbox._aws._resources import State

_SETTINGS = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # No public images of others.
    "MOTO_DISABLE_GLOBAL_CORS": "true",  # No answers to other origins.
}
_ADDED_TO_EC2 = frozenset(
    {
        "import_snapshot",
        "describe_import_snapshot_tasks",
        "cancel_import_task",
        "enable_image_deprecation",
        "disable_image_deprecation",
    }
)
"""The operations that moto lacks."""


class MotoChangedError(Exception):
    """There is nothing left to change where something was."""


def prepare() -> None:
    """What has to be done before moto is imported, which reads its settings then."""
    if "moto" in sys.modules:
        raise MotoChangedError("moto was imported before it was told its settings")
    os.environ.update(_SETTINGS)
    # moto opens several sessions only to learn the names of the regions, which took most of the time to start.
    share_descriptions()


def install(state: State) -> None:
    """Let EC2 and EBS be answered by the sandbox, and give it its ``state``."""
    import moto.backends
    import moto.core.responses
    import moto.ebs.urls
    import moto.ec2.urls
    import moto.settings
    from moto.ebs.responses import EBSResponse
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
    from moto.ec2.responses import EC2Response

    from tests.sandbox._aws._ebs import SandboxEBS
    from tests.sandbox._aws._ec2 import SandboxEC2

    if moto.settings.ec2_load_default_amis() or not moto.settings.DISABLE_GLOBAL_CORS:
        raise MotoChangedError("moto's settings have other names now")
    check_operations(SandboxEC2, EC2Response, added=_ADDED_TO_EC2)
    check_operations(SandboxEBS, EBSResponse)
    SandboxEC2.state = SandboxEBS.state = state
    # The other partitions' regions are no matter of an account.
    regions = [region for region in RegionsAndZonesBackend.regions if not region.name.startswith(("cn-", "us-gov-"))]
    replace(RegionsAndZonesBackend, "regions", regions)
    _answer_by(moto.ec2.urls, SandboxEC2, instead_of=EC2Response)
    _answer_by(moto.ebs.urls, SandboxEBS, instead_of=EBSResponse)
    # Both are asked anew for each request, which took half of its time, and neither changes.
    services = tuple(moto.backends.list_of_moto_modules())
    replace(moto.backends, "list_of_moto_modules", lambda: services)
    names = functools.cache(moto.core.responses.method_names_from_class)
    replace(moto.core.responses, "method_names_from_class", names)


def _answer_by(urls: ModuleType, response: Any, *, instead_of: Any) -> None:
    if any(view != instead_of.dispatch for view in urls.url_paths.values()):
        raise MotoChangedError(f"{urls.__name__} does not dispatch to {instead_of.__name__} alone any more")
    replace(urls, "url_paths", dict.fromkeys(urls.url_paths, response.dispatch))


def replace(owner: Any, name: str, value: Any) -> None:
    """Set an attribute that there is.

    :raises MotoChangedError: when there is none of this name.
    """
    if not hasattr(owner, name):
        raise MotoChangedError(f"{owner.__name__} has no {name} any more")
    setattr(owner, name, value)


def check_operations(response: type, base: type, *, added: frozenset[str] = frozenset()) -> None:
    """See to it that each operation of ``response`` is one that moto calls.

    :param base: moto's class, which has the operation under the same name, unless it is one of ``added``.
    :raises MotoChangedError: when it has not, so that moto would answer under another name.
    """
    own = [owner for owner in response.__mro__ if issubclass(owner, base) and owner is not base]
    members = {name: value for owner in own for name, value in vars(owner).items()}
    operations = {name for name, value in members.items() if callable(value) and not name.startswith("_")}
    gone = sorted(name for name in operations - added if not hasattr(base, name))
    if gone:
        raise MotoChangedError(f"{base.__name__} has no {', '.join(gone)} any more")
