# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import http.client
import itertools
import ssl
import urllib.error
from collections.abc import Iterator
from email.message import Message
from io import BytesIO
from pathlib import Path

import certifi
import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official import http as http_module
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import (
    ATTEMPTS,
    FetchError,
    HttpClient,
    check_url,
    translate_errors,
    with_retries,
)
from tests.support.mirror import File, Mirror

_LIMIT = 1000


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as mirror:
        yield mirror


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


class TestRead:
    def test_returns_the_whole_body(self, mirror: Mirror) -> None:
        mirror.files["/a"] = File(b"x" * _LIMIT)
        assert HttpClient().read(mirror.url("/a"), limit=_LIMIT) == b"x" * _LIMIT

    def test_asks_the_proxy_of_the_environment(self, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", mirror.url(""))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        # As a proxy is asked for it.
        mirror.files["http://mirror.example/a"] = File(b"x")
        assert HttpClient().read("http://mirror.example/a", limit=_LIMIT) == b"x"

    def test_is_repeated_while_the_server_is_in_trouble(self, mirror: Mirror, pauses: list[float]) -> None:
        mirror.files["/a"] = File(b"x", statuses=[503, 500, 429])
        assert HttpClient().read(mirror.url("/a"), limit=_LIMIT) == b"x"
        assert len(pauses) == 3

    def test_gives_up_in_the_end(self, mirror: Mirror, pauses: list[float]) -> None:
        mirror.files["/a"] = File(b"x", statuses=[503] * 10)
        with pytest.raises(FetchError, match=r"/a: HTTP status 503") as caught:
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)
        assert len(mirror.exchanges) == ATTEMPTS
        assert caught.value.as_result()["status"] == 503
        assert max(pauses) <= 2

    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    def test_is_not_repeated_where_that_does_not_help(self, mirror: Mirror, status: int) -> None:
        mirror.files["/a"] = File(b"x", statuses=[status])
        with pytest.raises(FetchError, match=f"HTTP status {status}"):
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)
        assert len(mirror.exchanges) == 1

    def test_is_repeated_when_the_answer_breaks_off(self, mirror: Mirror, pauses: list[float]) -> None:
        mirror.files["/a"] = File(b"x" * _LIMIT, break_after=[10, 999])
        assert HttpClient().read(mirror.url("/a"), limit=_LIMIT) == b"x" * _LIMIT
        assert len(pauses) == 2

    def test_an_answer_that_always_breaks_off_is_no_shorter_file(self, mirror: Mirror, pauses: list[float]) -> None:
        mirror.files["/a"] = File(b"x" * 10, announced=20)
        with pytest.raises(FetchError, match="10 bytes early"):
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)

    def test_what_only_trickles_is_asked_for_again(self, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
        # Each look at the clock is a minute later.
        monkeypatch.setattr("time.monotonic", itertools.count(step=60).__next__)
        mirror.files["/a"] = File(b"x" * _LIMIT)
        with pytest.raises(FetchError, match=r"/a: only \d+ bytes have come in the last 60 seconds"):
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)
        assert len(mirror.exchanges) == ATTEMPTS
        mirror.files["/b"] = File(b"x" * (5 << 20))
        monkeypatch.setattr(http_module, "_WINDOW_LEAST_BYTES", 1)
        assert len(HttpClient().read(mirror.url("/b"), limit=5 << 20)) == 5 << 20

    def test_does_not_fill_the_memory(self, mirror: Mirror) -> None:
        mirror.files["/a"] = File(b"x" * (_LIMIT + 1), announce_length=False)
        with pytest.raises(FetchError, match=f"longer than {_LIMIT} bytes"):
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)
        assert len(mirror.exchanges) == 1

    def test_a_server_that_is_down_is_asked_again(self, pauses: list[float]) -> None:
        with Mirror() as gone:
            url = gone.url("/a")
        with pytest.raises(FetchError, match=r"/a: .*refused"):
            HttpClient().read(url, limit=_LIMIT)
        assert len(pauses) == ATTEMPTS - 1

    def test_sends_headers(self, mirror: Mirror) -> None:
        mirror.files["/a"] = File(b"0123456789")
        with contextlib.closing(HttpClient().open(mirror.url("/a"), {"Range": "bytes=4-"})) as response:
            assert response.status == 206
            assert b"".join(http_module.read_chunks("/a", response)) == b"456789"


class TestRedirections:
    @pytest.fixture
    def other(self) -> Iterator[Mirror]:
        with Mirror({"/a": File(b"0123456789")}) as mirror:
            yield mirror

    @pytest.fixture(autouse=True)
    def netrc(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "netrc"
        path.write_text("machine 127.0.0.1 login me password secret\n")
        monkeypatch.setenv("NETRC", str(path))
        return path

    def test_take_a_password_along_to_the_same_host_and_port_alone(self, mirror: Mirror, other: Mirror) -> None:
        mirror.files |= {"/a": File(b"", location="b"), "/b": File(b"", location=other.url("/a"))}
        assert HttpClient().read(mirror.url("/a"), limit=_LIMIT) == b"0123456789"
        assert [exchange.authorization for exchange in mirror.exchanges] == ["Basic bWU6c2VjcmV0"] * 2
        assert [exchange.authorization for exchange in other.exchanges] == [None]

    def test_to_where_a_password_is_wanted_say_that_it_is_not_sent(self, mirror: Mirror, other: Mirror) -> None:
        mirror.files["/a"] = File(b"", location=other.url("/a?token=secret"))
        other.files["/a"].statuses = [401]
        with pytest.raises(FetchError, match=rf"/a: it redirects to {other.url('/a')}, which wants a pass") as caught:
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)
        assert "secret" not in caught.value.message

    def test_ask_for_the_same_part(self, mirror: Mirror, other: Mirror) -> None:
        mirror.files["/a"] = File(b"", location=other.url("/a"))
        with contextlib.closing(HttpClient().open(mirror.url("/a"), {"Range": "bytes=4-"})) as response:
            assert b"".join(http_module.read_chunks("/a", response)) == b"456789"

    @pytest.mark.parametrize("target", ["ftp://127.0.0.1/a?secret", "file:///etc/passwd"])
    def test_do_not_leave_http(self, mirror: Mirror, target: str) -> None:
        mirror.files["/a"] = File(b"", location=target)
        with pytest.raises(FetchError, match=r"redirects to .*only https is safe") as caught:
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)
        assert "secret" not in caught.value.message

    def test_do_not_leave_https(self) -> None:
        with pytest.raises(FetchError, match=r"redirects to http://host/b, .*only https is safe"):
            http_module._redirected("https://host/a", "https://host/a", "http://host/b")

    @pytest.mark.parametrize("target", ["http://[secret", "http://host:secret/", "/secret\x7f"])
    def test_to_what_is_no_url_fail(self, mirror: Mirror, target: str) -> None:
        mirror.files["/a"] = File(b"", location=target)
        with pytest.raises(FetchError, match="redirects to what is none") as caught:
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)
        assert "secret" not in caught.value.message

    def test_end(self, mirror: Mirror) -> None:
        mirror.files["/a"] = File(b"", location="/a")
        with pytest.raises(FetchError, match="more than 10 redirections"):
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)

    def test_a_broken_file_of_passwords_is_not_quoted(self, mirror: Mirror, netrc: Path) -> None:
        netrc.write_text("machine 127.0.0.1 login me\npassword a secret\n")
        with pytest.raises(FetchError, match=r"the file .netrc cannot be used: line \d is not understood") as caught:
            HttpClient().read(mirror.url("/a"), limit=_LIMIT)
        assert "secret" not in str(caught.value)


class TestRetries:
    def test_wait_as_long_as_the_server_says_within_reason(self, pauses: list[float]) -> None:
        waits = [7.0, 86400.0]

        def fail() -> None:
            raise FetchError("http://a/", "busy", transient=bool(waits), pause=waits.pop(0) if waits else 0)

        with pytest.raises(FetchError):
            with_retries(fail)
        assert 7 <= pauses[0] <= 7.5
        assert 20 <= pauses[1] <= 21

    def test_leave_other_errors_alone(self) -> None:
        with pytest.raises(ZeroDivisionError):
            with_retries(lambda: 1 // 0)


def _http_error(status: int, retry_after: str) -> urllib.error.HTTPError:
    headers = Message()
    headers["Retry-After"] = retry_after
    return urllib.error.HTTPError("http://a/", status, "Reason", headers, BytesIO(b""))


_UNTRUSTED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")


@pytest.mark.parametrize(
    ("error", "transient", "words"),
    [
        (_http_error(429, "7"), True, "HTTP status 429 (Reason)"),
        (_http_error(404, "soon"), False, "HTTP status 404 (Reason)"),
        (urllib.error.URLError(_UNTRUSTED), False, "set ca_file"),
        (_UNTRUSTED, False, "set ca_file"),
        (urllib.error.URLError(TimeoutError("timed out")), True, "(option timeout)"),
        (TimeoutError("timed out"), True, "(option timeout)"),
        (ConnectionResetError(104, "Connection reset by peer"), True, "Connection reset by peer"),
        (urllib.error.URLError(OSError(-2, "Name or service not known")), True, "Name or service not known"),
        (http.client.RemoteDisconnected("closed"), True, "closed"),
        (http.client.IncompleteRead(b"abc", 5), True, "after 3 bytes"),
    ],
)
def test_errors_are_translated(error: Exception, transient: bool, words: str) -> None:
    with pytest.raises(FetchError) as caught, translate_errors("https://me:secret@host/a?token=secret"):
        raise error
    assert caught.value.transient is transient
    assert caught.value.message.startswith("https://host/a: ")
    assert words in caught.value.message
    assert "secret" not in caught.value.message
    assert caught.value.pause == (7 if "429" in words else 0)


@pytest.mark.parametrize(
    "url",
    [
        *("", "mirror", "/alpine", "ftp://host/alpine", "file:///etc", "https:///alpine", "https://host/a b"),
        *("http://ä/", "https://host:port/", "https://[host/"),
    ],
)
def test_refuses_what_is_no_url(url: str) -> None:
    with pytest.raises(InputError, match=r"^mirror_url must be a URL that begins with https:// or http://"):
        check_url(url, "mirror_url")


def test_refuses_passwords_without_repeating_them() -> None:
    with pytest.raises(InputError, match=r"^mirror_url https://host/a must not hold .*\.netrc") as caught:
        check_url("https://me:secret@host/a", "mirror_url")
    assert "secret" not in caught.value.message


def test_takes_slashes_off_the_end() -> None:
    assert check_url("http://host:8080/alpine//", "mirror_url") == "http://host:8080/alpine"


class TestOptions:
    def test_are_taken(self) -> None:
        params = {"ca_file": certifi.where(), "validate_certs": False, "timeout": 2.5}
        assert HttpClient.from_params(params) == HttpClient(certifi.where(), False, 2.5)

    def test_a_ca_file_without_certificates_is_named(self, tmp_path: Path) -> None:
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text("no certificate")
        with pytest.raises(InputError, match=f"^ca_file {ca_file} holds no certificate in PEM format"):
            HttpClient.from_params({"ca_file": str(ca_file), "validate_certs": True, "timeout": 1.0})

    def test_a_missing_ca_file_is_named(self) -> None:
        with pytest.raises(InputError, match=r"^ca_file /nowhere/ca.pem: No such file"):
            HttpClient.from_params({"ca_file": "/nowhere/ca.pem", "validate_certs": True, "timeout": 1.0})

    @pytest.mark.parametrize("timeout", [0.0, -1.0])
    def test_a_timeout_is_some_time(self, timeout: float) -> None:
        with pytest.raises(InputError, match=r"^timeout must be more than 0 seconds, got"):
            HttpClient.from_params({"ca_file": None, "validate_certs": True, "timeout": timeout})
