# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._official.gpg import (
    OpenPgpKey,
    SignatureStatus,
    check_gpg,
    keyring_of,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_errors import (
    SignatureUnavailableError,
)
from tests.support.openpgp import Signer

CONTENT = b"an image"
SUBKEY, OWNER = "B" * 40, "A" * 40
VALID = [SUBKEY, "2026-11-27", "1", "0", "4", "0", "22", "8", "00", OWNER]


class TestStatus:
    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            ({"GOODSIG": ["ID", "Name"], "VALIDSIG": VALID}, SignatureStatus("good", SUBKEY, OWNER)),
            ({"EXPSIG": ["ID"], "VALIDSIG": VALID}, SignatureStatus("expired", SUBKEY, OWNER)),
            ({"REVKEYSIG": ["ID"], "VALIDSIG": VALID}, SignatureStatus("revoked key", SUBKEY, OWNER)),
            (
                {"KEYEXPIRED": ["86400"], "EXPKEYSIG": ["ID"], "VALIDSIG": VALID},
                SignatureStatus("expired key", SUBKEY, OWNER, datetime.date(1970, 1, 2)),
            ),
            ({"BADSIG": ["ID", "Name"], "VALIDSIG": VALID}, SignatureStatus("bad", "ID")),
            # It is the worst that counts.
            (
                {"GOODSIG": ["ID"], "REVKEYSIG": ["ID"], "VALIDSIG": VALID},
                SignatureStatus("revoked key", SUBKEY, OWNER),
            ),
            ({"VALIDSIG": VALID}, SignatureStatus("unclear", SUBKEY, OWNER)),
            # Of a good signature nothing is known without the line that says by which key.
            ({"GOODSIG": ["ID"]}, SignatureStatus("unclear")),
            ({"NO_PUBKEY": ["ID"]}, SignatureStatus("unknown key", "ID")),
            ({"ERRSIG": ["ID", "22", "8", "00", "1", "9", SUBKEY]}, SignatureStatus("unknown key", SUBKEY)),
            ({"ERRSIG": ["ID", "22", "8", "00", "1", "9", "-"]}, SignatureStatus("unknown key", "ID")),
            ({"ERRSIG": ["ID", "22", "8", "00", "1", "4", SUBKEY]}, SignatureStatus("unclear")),
            ({}, SignatureStatus("unclear")),
        ],
    )
    def test_of_the_lines_about_one_signature(self, lines: dict[str, list[str]], status: SignatureStatus) -> None:
        assert SignatureStatus.of(lines) == status


class TestKeyring:
    def test_keys_with_their_validity(self) -> None:
        signer = Signer("signer")
        expired = Signer("expired", age=3 * 86400, expires="1d")
        signer.add_subkey()
        with keyring_of(signer.public_key + expired.public_key) as keyring:
            keys = keyring.keys()
        signer.revoke()
        with keyring_of(signer.public_key) as keyring:
            revoked = keyring.keys()[signer.fingerprint]
        day = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=2)
        assert keys[signer.fingerprint] == OpenPgpKey(signer.fingerprint, False, False, None)
        old = keys[expired.fingerprint]
        assert (old.revoked, old.expired) == (False, True)
        assert old.expires is not None
        # Midnight may have passed meanwhile.
        assert abs(old.expires - day) <= datetime.timedelta(days=1)
        assert len(keys) == 2
        assert (revoked.revoked, revoked.expired) == (True, False)

    def test_nothing_is_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "image"
        path.write_bytes(CONTENT)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        signer = Signer("signer")
        signature, key = signer.sign(CONTENT), signer.public_key
        monkeypatch.setattr("tempfile.tempdir", str(scratch))
        with keyring_of(key) as keyring:
            statuses, _words = keyring.verify(path, signature)
            assert [status.verdict for status in statuses] == ["good"]
            # A socket would be that of a daemon.
            assert not list(scratch.rglob("S.*"))
            assert list(scratch.iterdir())
        assert not list(scratch.iterdir())

    def test_words_are_gnupgs_own_and_not_too_many(self, tmp_path: Path) -> None:
        with keyring_of(b"") as keyring:
            statuses, words = keyring.verify(tmp_path / ("x" * 200), b"-----BEGIN PGP SIGNATURE-----")
        assert statuses == []
        assert words
        assert "gpg: " not in words
        assert len(words) <= 500


class TestProgram:
    def test_a_missing_one_is_told_with_packages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        check_gpg()
        monkeypatch.setenv("PATH", "/nowhere")
        missing = r"^gpg is not on PATH .* gnupg \(Debian, Ubuntu, Alpine, Homebrew\) or gnupg2 \(Fedora\)$"
        with pytest.raises(SignatureUnavailableError, match=missing):
            check_gpg()
        with pytest.raises(SignatureUnavailableError, match=missing), keyring_of(b""):
            pass

    def test_one_that_cannot_be_started_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "gpg"
        program.write_bytes(b"\x7fELF")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(SignatureUnavailableError, match=r"^gpg \(.*\) cannot be started: "), keyring_of(b""):
            pass
