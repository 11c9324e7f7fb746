# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official.checksum import (
    ChecksumError,
    Digests,
    checked_sha512,
    digests_of,
    parse_sha512,
)

NAME = "alpine-3.24.2-x86_64-tiny-r0.qcow2"
DIGEST = hashlib.sha512(b"image").hexdigest()
OTHER = hashlib.sha512(b"other").hexdigest()


def parse(content: str) -> str:
    return parse_sha512(content.encode(), NAME, "http://a.example/x.sha512")


def test_digests_are_those_of_the_content(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert digests_of(tmp_path / "file") == Digests(
        len(content), hashlib.sha512(content).hexdigest(), hashlib.sha256(content).hexdigest()
    )


class TestPublished:
    @pytest.mark.parametrize(
        "content",
        [
            DIGEST,
            f"{DIGEST}\n",
            f"  {DIGEST.upper()}\r\n",
            f"{DIGEST}  {NAME}\n",
            f"{DIGEST} *{NAME}\n",
            f"{DIGEST}  ./cloud/{NAME}\n",
            f"# made by hand\n\n{OTHER}  other.qcow2\n{DIGEST} *{NAME}\n",
            f"{DIGEST}  {NAME}\n{DIGEST}  {NAME}\n",
        ],
    )
    def test_forms(self, content: str) -> None:
        assert parse(content) == DIGEST

    @pytest.mark.parametrize("mode", ["--text", "--binary"])
    def test_as_sha512sum_prints_it(self, tmp_path: Path, mode: str) -> None:
        (tmp_path / NAME).write_bytes(b"image")
        printed = subprocess.run(["sha512sum", mode, NAME], cwd=tmp_path, check=True, stdout=subprocess.PIPE)
        assert parse(printed.stdout.decode()) == DIGEST

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("", "holds no SHA-512, .* begins with ''"),
            ("<html>\n<body>\nPlease log in", "holds no SHA-512, .* begins with '<html>"),
            (f"{DIGEST}\nand more words than one!", "holds no SHA-512"),
            (DIGEST[:64], "a digest of 64 hexadecimal digits, but a SHA-512 has 128"),
            (f"{DIGEST}0", "a digest of 129 hexadecimal digits"),
            (f"{OTHER}  other.qcow2", f"holds the SHA-512 of other.qcow2, but not that of {NAME}"),
            (f"{DIGEST}  {NAME}\n{OTHER}  {NAME}", f"2 different digests of {NAME}"),
        ],
    )
    def test_what_is_none_is_refused_with_a_remedy(self, content: str, reason: str) -> None:
        with pytest.raises(
            ChecksumError, match=rf"(?s)^http://a.example/x.sha512 .*{reason}.*option sha512_url.* in option sha512$"
        ):
            parse(content)

    def test_bytes_that_are_no_text_are_refused(self) -> None:
        with pytest.raises(ChecksumError, match=r"holds no SHA-512"):
            parse_sha512(bytes(range(256)), NAME, "x")


class TestOption:
    def test_is_taken_in_any_case(self) -> None:
        assert checked_sha512(f" {DIGEST.upper()}\n") == DIGEST

    @pytest.mark.parametrize("value", ["", DIGEST[:-1], DIGEST + "0", "g" * 128, hashlib.sha256(b"").hexdigest()])
    def test_is_refused(self, value: str) -> None:
        with pytest.raises(InputError, match=r"sha512 must be a SHA-512 as 128 hexadecimal digits"):
            checked_sha512(value)
