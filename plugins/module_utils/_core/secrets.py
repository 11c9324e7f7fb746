# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be told, by the places where it stands in URLs and in the words of libraries.

Ansible hides the values of options that are secret. It knows nothing of those in files, in the environment, and in
options that hold a secret besides something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_HIDDEN = "***"
_USER_INFO = re.compile(r"(?<=://)[^/?#\s@'\"]*@")
_PARAMETER = re.compile(
    r"(?i)(?<![a-z])(sig|signature|password|assertion|[a-z-]*[_-]?(?:secret|token|credential|signature))"
    r"=[^&\s'\"<>]+"
)
_SCHEME = re.compile(r"(?i)\b(Bearer |Basic |ST\$)[^\s'\",]{8,}")
# A pre-authenticated request of Oracle Cloud is its own password.
_PRE_AUTHENTICATED = re.compile(r"/p/[^/\s]+(?=/n/)")
# Of http.client and requests, which go on with the header, whatever it has in it.
_BAD_HEADER = re.compile(r"(?i)\b(header (?:value|part|content))\b.*")


def hidden(text: str) -> str:
    """``text`` without what looks like a secret."""
    text = _BAD_HEADER.sub(rf"\1 {_HIDDEN}", text)
    text = _USER_INFO.sub(f"{_HIDDEN}@", text)
    text = _PARAMETER.sub(rf"\1={_HIDDEN}", text)
    text = _SCHEME.sub(rf"\1{_HIDDEN}", text)
    return _PRE_AUTHENTICATED.sub(f"/p/{_HIDDEN}", text)


def all_hidden(value: Any) -> Any:
    """``value`` with :func:`hidden` for every text in it."""
    match value:
        case str():
            return hidden(value)
        case Mapping():
            return {key: all_hidden(item) for key, item in value.items()}
        case list() | tuple() | set():
            return [all_hidden(item) for item in value]
        case _:
            return value
