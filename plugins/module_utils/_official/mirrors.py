# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same file on several servers: the URLs of it and of the files next to it, tried one after the other."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from .._core.errors import AlpineCloudError
from .._image.names import strip_extension
from .http import FetchError

_Result = TypeVar("_Result")

_NOT_FOUND = (404, 410)


class MirrorsError(AlpineCloudError):
    """None of several URLs gave what was wanted; the message has the reason of each.

    :param errors: one for each URL.
    """

    def __init__(self, errors: list[AlpineCloudError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors

    @property
    def not_found(self) -> bool:
        """Whether every server has answered, that there is no such file."""
        return all(isinstance(error, FetchError) and error.status in _NOT_FOUND for error in self.errors)


def try_each(
    urls: Iterable[str],
    attempt: Callable[[str], _Result],
    failures: tuple[type[AlpineCloudError], ...] = (FetchError,),
) -> _Result:
    """The result of the first ``attempt`` that succeeds.

    :param failures: the errors after which the next URL is tried.
    :raises MirrorsError: when those with all ``urls`` fail.
    """
    errors: list[AlpineCloudError] = []
    for url in urls:
        try:
            return attempt(url)
        except failures as error:
            errors.append(error)
    raise MirrorsError(errors)


def file_name_of(url: str) -> str:
    """The last part of the path of ``url``; may be empty."""
    return unquote(posixpath.basename(urlsplit(url).path))


def sibling_of(url: str, suffix: str) -> str:
    """The URL of the file next to that of ``url`` whose name has ``suffix`` in addition."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path + suffix))


def metadata_of(url: str) -> str:
    """The URL of the metadata of the image at ``url``: that with the extension ``.yaml`` in place of the image's."""
    parts = urlsplit(url)
    folder, _slash, name = parts.path.rpartition("/")
    return urlunsplit(parts._replace(path=f"{folder}/{strip_extension(name)}.yaml"))
