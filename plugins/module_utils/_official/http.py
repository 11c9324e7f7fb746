# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from mirrors over HTTP: Ansible's own client, with one layer of bounded retries over it."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import netrc
import random
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from ansible.module_utils import urls

from .._core.credentials import checked_ca_file, tells_of_untrusted
from .._core.errors import InputError, ProviderError
from .._core.units import KIB
from .._core.urls import PORTS, checked_url, origin_of, without_secrets

_Result = TypeVar("_Result")

HTTP_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "ca_file": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 30.0},
}
"""The options that doc fragment ``alpine.cloud._http`` documents."""

ATTEMPTS = 4
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 20.0
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTIONS = 10
_UNAUTHORIZED = 401
_NO_URL = "it is no URL, or redirects to what is none"
_CHUNK = 64 * KIB
_WINDOW_SECONDS = 60.0
_WINDOW_LEAST_BYTES = 64 * KIB


class FetchError(ProviderError):
    """A file could not be had from a server.

    :param reason: what happened, without the URL.
    :param transient: whether asking again may help.
    :param pause: how many seconds the server wants us to wait before.
    """

    def __init__(
        self, url: str, reason: str, *, status: int | None = None, transient: bool = False, pause: float = 0.0
    ) -> None:
        super().__init__(f"{without_secrets(url)}: {reason}", operation="GET", status=status)
        self.reason = reason
        self.transient = transient
        self.pause = pause


def check_url(url: str, option: str) -> str:
    """``url`` without the slashes at its end.

    :raises InputError: when it is not a complete http or https URL, or holds a password, which results would show.
    """
    return checked_url(
        url,
        option,
        remedy="put them into the file .netrc of the user who runs the module, from where they are taken",
    )


def _redirected(url: str, place: str, location: str) -> str:
    """Where the answer at ``place`` leads, to which ``url`` has led."""
    target = urljoin(place, location.replace(" ", "%20"))
    scheme, _host, _port = origin_of(target)
    if scheme not in PORTS or (scheme == "http" and urlsplit(place).scheme == "https"):
        raise FetchError(
            url, f"it redirects to {without_secrets(target)}, where nobody would know who answers; only https is safe"
        )
    return target


@dataclasses.dataclass(frozen=True)
class HttpClient:
    """How servers are talked to; proxies are taken from the environment.

    :param ca_file: CA certificates in PEM format, to trust instead of the system's.
    :param timeout: of connecting, and of each read, in seconds.
    """

    ca_file: str | None = None
    validate_certs: bool = True
    timeout: float = 30.0

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> HttpClient:
        """Of the options in ``HTTP_ARGUMENT_SPEC``.

        :raises InputError: when one of them cannot work.
        """
        if params["timeout"] <= 0:
            raise InputError(f"timeout must be more than 0 seconds, got {params['timeout']:g}")
        return cls(checked_ca_file(params["ca_file"], "ca_file"), params["validate_certs"], params["timeout"])

    def open(self, url: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        """One request, once, and those to which it is redirected. Read the body with :func:`read_chunks`, and close it.

        A password of ``.netrc`` is for the host and port of ``url`` alone.

        :raises FetchError: for every other status but 2xx, and for whatever else goes wrong before the body begins.
        """
        with translate_errors(url):
            place = url
            for _redirection in range(_MOST_REDIRECTIONS + 1):
                at_home = origin_of(place) == origin_of(url)
                try:
                    return self._ask(place, headers or {}, use_netrc=at_home)
                except urllib.error.HTTPError as error:
                    if error.code in _REDIRECTIONS and error.headers.get("Location"):
                        with contextlib.closing(error):
                            place = _redirected(url, place, error.headers["Location"])
                    elif error.code == _UNAUTHORIZED and not at_home:
                        with contextlib.closing(error):
                            raise FetchError(
                                url,
                                f"it redirects to {without_secrets(place)}, which wants a password, and those of "
                                ".netrc are not sent where a redirect leads: give that URL itself",
                                status=error.code,
                            ) from error
                    else:
                        raise
        raise FetchError(url, f"there are more than {_MOST_REDIRECTIONS} redirections")

    def _ask(self, url: str, headers: dict[str, str], *, use_netrc: bool) -> http.client.HTTPResponse:
        response: http.client.HTTPResponse = urls.open_url(
            url,
            headers={"Accept-Encoding": "identity", **headers},
            http_agent="alpine.cloud",
            # Of sizes and ranges the server and we must have the same idea.
            decompress=False,
            # It would send the password on.
            follow_redirects="none",
            use_netrc=use_netrc,
            ca_path=self.ca_file,
            validate_certs=self.validate_certs,
            timeout=self.timeout,
        )
        return response

    def read(self, url: str, *, limit: int) -> bytes:
        """The whole of a small file, asked for again if need be.

        :param limit: refuse more bytes than these, so that no server can fill the memory.
        :raises FetchError: when it cannot be had.
        """

        def once() -> bytes:
            body = bytearray()
            with contextlib.closing(self.open(url)) as response:
                for chunk in read_chunks(url, response):
                    body += chunk
                    if len(body) > limit:
                        raise FetchError(
                            url, f"the answer is longer than {limit} bytes, so it is not what was asked for"
                        )
            return bytes(body)

        return with_retries(once)


def read_chunks(url: str, response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body of an answer, in pieces as they arrive.

    :raises FetchError: when it breaks off, ends before the length that was announced, or comes so slowly that it would
        never end, which no time-out of a single read tells; that is transient.
    """
    left = response.length
    window_end, window_bytes = time.monotonic() + _WINDOW_SECONDS, 0
    while True:
        # Only around the reading: what the caller does with a piece, such as writing to a full disk, is not for us.
        with translate_errors(url):
            chunk = response.read1(_CHUNK)
        if not chunk:
            break
        yield chunk
        window_bytes += len(chunk)
        if left is not None:
            left -= len(chunk)
        if time.monotonic() >= window_end:
            if window_bytes < _WINDOW_LEAST_BYTES:
                raise FetchError(
                    url, f"only {window_bytes} bytes have come in the last {_WINDOW_SECONDS:g} seconds", transient=True
                )
            window_end, window_bytes = time.monotonic() + _WINDOW_SECONDS, 0
    if left:
        raise FetchError(url, f"the answer ended {left} bytes early", transient=True)


def with_retries(action: Callable[[], _Result]) -> _Result:
    """Call ``action`` until it succeeds, up to ``ATTEMPTS`` times, with growing random pauses between.

    :raises FetchError: that of the last attempt, or the first that is not transient.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except FetchError as error:
            if not error.transient or attempt == ATTEMPTS:
                raise
            pause_before_retry(error, attempt)
    raise AssertionError("unreachable")


def pause_before_retry(error: FetchError, failures: int) -> None:
    """Wait as long as the server wants, within reason, and a random time more that grows with ``failures``."""
    longest = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
    time.sleep(min(error.pause, _LONGEST_PAUSE) + random.uniform(0, longest))


@contextlib.contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Turn the many errors of a request for ``url``, and of reading its answer, into a :class:`FetchError`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            raise FetchError(
                url,
                f"HTTP status {error.code} ({error.reason})",
                status=error.code,
                transient=error.code in _TRANSIENT_STATUSES,
                pause=_seconds(error.headers.get("Retry-After")),
            ) from error
    except netrc.NetrcParseError as error:
        # Only its words about whose file it is quote nothing of what is in there.
        where = error.msg if error.msg.startswith("~/.netrc ") else f"line {error.lineno} is not understood"
        raise FetchError(url, f"the file .netrc cannot be used: {where}") from None
    except urllib.error.URLError as error:
        raise FetchError(url, _reason(error.reason), transient=_is_transient(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(url, _reason(error), transient=_is_transient(error)) from error
    except ValueError:
        # Of urllib, whose own words could quote a part of a password.
        raise FetchError(url, _NO_URL) from None


def _seconds(retry_after: str | None) -> float:
    # Its other form, a date, is not worth two clocks that disagree.
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0


def _is_transient(reason: object) -> bool:
    # An untrusted certificate stays untrusted; of TLS itself anything else may be a broken connection.
    return not tells_of_untrusted(reason)


def _reason(reason: object) -> str:
    if tells_of_untrusted(reason):
        return _untrusted(reason)
    if isinstance(reason, TimeoutError):
        return "no answer in time (option timeout)"
    if isinstance(reason, http.client.InvalidURL):
        # Its own words hold the query.
        return _NO_URL
    if isinstance(reason, http.client.IncompleteRead):
        return f"the connection broke off after {len(reason.partial)} bytes of this read"
    return str(reason) or type(reason).__name__


def _untrusted(reason: object) -> str:
    return f"the server's certificate is not trusted; set ca_file to the certificates of its authority. {reason}"
