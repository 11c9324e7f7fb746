# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import HttpClient
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_check import check_by_owner
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_errors import (
    KeyExpiredError,
    OtherSignerError,
    SignatureUnavailableError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.signing_key import (
    ALPINE_FINGERPRINT,
    SigningKey,
    SigningKeySource,
    checked_fingerprint,
    checked_key,
)
from tests.support.mirror import File, Mirror
from tests.support.openpgp import Signer

CONTENT = b"an image"
DAY = 86400


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "-image.qcow2"
    path.write_bytes(CONTENT)
    return path


class TestKey:
    def test_the_right_one_is_accepted(self, signer: Signer, other: Signer) -> None:
        assert checked_key(signer.public_key, signer.fingerprint, "x") == signer.public_key
        both = other.public_key + signer.public_key
        assert checked_key(both, signer.fingerprint, "x") == both

    def test_another_is_refused(self, signer: Signer, other: Signer) -> None:
        with pytest.raises(
            SignatureUnavailableError,
            match=f"^x holds the key {other.fingerprint}, but fingerprint says {signer.fingerprint}.*fingerprint",
        ):
            checked_key(other.public_key, signer.fingerprint, "x")

    def test_the_fingerprint_of_a_subkey_is_not_enough(self) -> None:
        signer = Signer("subkey")
        signer.add_subkey()
        listing = signer._gpg("--with-colons", "--list-keys").decode().splitlines()
        subkey = [line.split(":")[9] for line in listing if line.startswith("fpr:")][1]
        with pytest.raises(SignatureUnavailableError, match=f"^x holds the key {signer.fingerprint}, but"):
            checked_key(signer.public_key, subkey, "x")

    def test_an_expired_one_is_told(self, expired: Signer) -> None:
        with pytest.raises(KeyExpiredError, match=rf"^x: the key {expired.fingerprint} expired on 20\d\d-\d\d-\d\d\."):
            checked_key(expired.public_key, expired.fingerprint, "x")

    def test_a_revoked_one_is_refused(self) -> None:
        signer = Signer("revoked")
        signer.revoke()
        with pytest.raises(SignatureUnavailableError, match=r"has been revoked by its owner.*option fingerprint"):
            checked_key(signer.public_key, signer.fingerprint, "x")

    @pytest.mark.parametrize("content", [b"", b"<html>", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmF4E\n"])
    def test_what_is_none_is_told(self, signer: Signer, content: bytes) -> None:
        with pytest.raises(SignatureUnavailableError, match=r"^x holds no OpenPGP public key"):
            checked_key(content, signer.fingerprint, "x")


class TestFingerprint:
    @pytest.mark.parametrize(
        "value",
        [
            ALPINE_FINGERPRINT,
            ALPINE_FINGERPRINT.lower(),
            f"0x{ALPINE_FINGERPRINT}",
            "F26A DFAD BAE7 02EF 7AF6  3745 9DA7 EF23 BFFC DF22",
            ":".join(ALPINE_FINGERPRINT[i : i + 2] for i in range(0, 40, 2)),
        ],
    )
    def test_forms(self, value: str) -> None:
        assert checked_fingerprint(value) == ALPINE_FINGERPRINT

    @pytest.mark.parametrize("value", ["", ALPINE_FINGERPRINT[-16:], ALPINE_FINGERPRINT + "0", "tomalok@example.org"])
    def test_a_part_of_one_can_be_forged(self, value: str) -> None:
        with pytest.raises(InputError, match=r"fingerprint must be the whole fingerprint"):
            checked_fingerprint(value)


class TestKeySource:
    def source(
        self, mirror: Mirror, signer: Signer, tmp_path: Path, key: str | None = None, pin: bool = True
    ) -> SigningKeySource:
        return SigningKeySource(signer.fingerprint, key, mirror.url("/key.asc"), HttpClient(), tmp_path / "work", pin)

    def test_is_fetched_once(self, mirror: Mirror, signer: Signer, image: Path, tmp_path: Path) -> None:
        mirror.files["/key.asc"] = File(signer.public_key)
        for _run in range(2):
            source = self.source(mirror, signer, tmp_path)
            check_by_owner(image, signer.sign(CONTENT), source.get(), source)
        assert len(mirror.exchanges) == 1
        assert (tmp_path / "work" / "keys" / f"{signer.fingerprint}.asc").read_bytes() == signer.public_key

    def test_nothing_is_written_when_it_must_not(self, mirror: Mirror, signer: Signer, tmp_path: Path) -> None:
        mirror.files["/key.asc"] = File(signer.public_key)
        assert self.source(mirror, signer, tmp_path, pin=False).get() == SigningKey(signer.public_key)
        assert not (tmp_path / "work").exists()

    def test_a_wrong_one_is_not_kept(self, mirror: Mirror, signer: Signer, other: Signer, tmp_path: Path) -> None:
        mirror.files["/key.asc"] = File(other.public_key)
        with pytest.raises(SignatureUnavailableError, match=f"^key_url http.*holds the key {other.fingerprint}, but"):
            self.source(mirror, signer, tmp_path).get()
        assert not (tmp_path / "work").exists()

    def test_without_access_the_remedy_is_told(self, mirror: Mirror, signer: Signer, tmp_path: Path) -> None:
        with pytest.raises(SignatureUnavailableError, match=r"key cannot be fetched: .*404.* option key, .* key_url"):
            self.source(mirror, signer, tmp_path).get()

    def test_may_be_text_or_a_file(
        self, mirror: Mirror, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "key.asc").write_bytes(signer.public_key)
        for key in (signer.public_key.decode(), str(tmp_path / "key.asc"), "~/key.asc"):
            assert self.source(mirror, signer, tmp_path, key=key).get() == SigningKey(signer.public_key)
        assert not mirror.exchanges

    def test_a_missing_file_is_told(self, mirror: Mirror, signer: Signer, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"^key /nowhere/key.asc cannot be read: No such file"):
            self.source(mirror, signer, tmp_path, key="/nowhere/key.asc").get()

    def test_an_expired_copy_is_renewed(self, mirror: Mirror, expired: Signer, image: Path, tmp_path: Path) -> None:
        signature, old = expired.sign(CONTENT), expired.public_key
        keys = tmp_path / "work" / "keys"
        source = self.source(mirror, expired, tmp_path)
        with source._folder.locked(source._file_name, 0), source._folder.partial(source._file_name) as partial:
            partial.write_bytes(old)
            source._folder.keep(partial, source._file_name)
        with pytest.raises(SignatureUnavailableError, match=r"expired on .*; and the signer's key cannot be fetched"):
            check_by_owner(image, signature, source.get(), source)
        expired.prolong()
        mirror.files["/key.asc"] = File(expired.public_key)
        check_by_owner(image, signature, source.get(), source)
        assert (keys / source._file_name).read_bytes() == expired.public_key != old

    def test_a_copy_without_a_new_subkey_is_renewed(self, mirror: Mirror, image: Path, tmp_path: Path) -> None:
        signer = Signer("subkey")
        mirror.files["/key.asc"] = File(signer.public_key)
        source = self.source(mirror, signer, tmp_path)
        source.get()
        signer.add_subkey()
        signature = signer.sign(CONTENT)
        with pytest.raises(OtherSignerError):
            check_by_owner(image, signature, source.get(), source)
        mirror.files["/key.asc"] = File(signer.public_key)
        check_by_owner(image, signature, source.get(), source)
        assert len(mirror.exchanges) == 3

    def test_a_key_that_the_user_gives_is_not_renewed(
        self, mirror: Mirror, signer: Signer, other: Signer, image: Path, tmp_path: Path
    ) -> None:
        source = self.source(mirror, signer, tmp_path, key=signer.public_key.decode())
        with pytest.raises(OtherSignerError):
            check_by_owner(image, other.sign(CONTENT), source.get(), source)
        assert not mirror.exchanges
