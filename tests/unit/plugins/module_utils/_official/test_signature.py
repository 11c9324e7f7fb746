# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._official.http import HttpClient
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature import (
    check_signature,
    fetch_signature,
    read_signature,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_errors import (
    KeyExpiredError,
    OtherSignerError,
    SignatureRejectedError,
    SignatureUnavailableError,
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


class TestSignature:
    @pytest.mark.parametrize("armor", [True, False])
    def test_a_good_one_is_accepted(self, image: Path, signer: Signer, armor: bool) -> None:
        check_signature(image, signer.sign(CONTENT, armor=armor), signer.public_key, signer.fingerprint)

    def test_one_by_a_subkey_counts_as_the_owners(self, image: Path) -> None:
        signer = Signer("subkey")
        signer.add_subkey()
        signature = signer.sign(CONTENT)
        check_signature(image, signature, signer.public_key, signer.fingerprint)

    def test_one_of_other_content_is_refused(self, image: Path, signer: Signer) -> None:
        with pytest.raises(SignatureRejectedError, match=r"is not one of this content: .* changed or damaged"):
            check_signature(image, signer.sign(b"another image"), signer.public_key, signer.fingerprint)

    def test_one_by_another_key_is_refused(self, image: Path, signer: Signer, other: Signer) -> None:
        with pytest.raises(
            OtherSignerError, match=f"by the key {other.fingerprint}, but fingerprint says {signer.fingerprint}"
        ):
            check_signature(image, other.sign(CONTENT), signer.public_key, signer.fingerprint)

    def test_a_key_that_is_merely_next_to_it_does_not_count(self, image: Path, signer: Signer, other: Signer) -> None:
        both = signer.public_key + other.public_key
        with pytest.raises(OtherSignerError, match=f"by the key {other.fingerprint}"):
            check_signature(image, other.sign(CONTENT), both, signer.fingerprint)

    def test_of_two_signers_one_suffices(self, image: Path, signer: Signer, other: Signer) -> None:
        both = other.sign(CONTENT, armor=False) + signer.sign(CONTENT, armor=False)
        check_signature(image, both, signer.public_key, signer.fingerprint)

    def test_one_by_a_key_that_has_expired_since(self, image: Path, expired: Signer) -> None:
        with pytest.raises(KeyExpiredError, match=rf"{expired.fingerprint} .* expired on 20\d\d-\d\d-\d\d\. .*key_url"):
            check_signature(image, expired.sign(CONTENT), expired.public_key, expired.fingerprint)

    def test_one_by_a_revoked_key_is_refused(self, image: Path) -> None:
        signer = Signer("revoked")
        signature = signer.sign(CONTENT)
        signer.revoke()
        with pytest.raises(SignatureRejectedError, match=r"has been revoked by its owner"):
            check_signature(image, signature, signer.public_key, signer.fingerprint)

    def test_one_that_has_expired_itself_is_refused(self, image: Path) -> None:
        signer = Signer("short", age=3 * DAY)
        signature = signer.sign(CONTENT, expires="1d")
        with pytest.raises(SignatureRejectedError, match=r"valid for a limited time, which is over"):
            check_signature(image, signature, signer.public_key, signer.fingerprint)

    @pytest.mark.parametrize("signature", [b"-----BEGIN PGP SIGNATURE-----\n\nnothing\n", b"\x88junk", b""])
    def test_what_is_none_is_refused(self, image: Path, signer: Signer, signature: bytes) -> None:
        with pytest.raises(SignatureRejectedError, match=r"the signature cannot be checked: "):
            check_signature(image, signature, signer.public_key, signer.fingerprint)

    def test_the_users_keyring_and_settings_play_no_part(
        self, image: Path, signer: Signer, other: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        (home / ".gnupg").mkdir(parents=True, mode=0o700)
        (home / ".gnupg" / "gpg.conf").write_text("no-such-option\n")
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("GNUPGHOME", str(home / ".gnupg"))
        check_signature(image, signer.sign(CONTENT), signer.public_key, signer.fingerprint)
        assert [path.name for path in (home / ".gnupg").iterdir()] == ["gpg.conf"]


class TestReading:
    def test_the_first_url_that_has_it_counts(self, mirror: Mirror, signer: Signer) -> None:
        signature = signer.sign(CONTENT)
        mirror.files["/b.asc"] = File(signature)
        assert fetch_signature([mirror.url("/a.asc"), mirror.url("/b.asc")], HttpClient()) == signature

    def test_none_is_told(self, mirror: Mirror) -> None:
        with pytest.raises(
            SignatureUnavailableError, match=r"^there is no signature: http.*/a\.asc: .*404.*signature_url"
        ):
            fetch_signature([mirror.url("/a.asc")], HttpClient())

    def test_a_server_in_trouble_is_told(self, mirror: Mirror) -> None:
        mirror.files["/a.asc"] = File(b"", statuses=[503] * 4)
        with pytest.raises(SignatureUnavailableError, match=r"^the signature cannot be read: .*503"):
            fetch_signature([mirror.url("/a.asc")], HttpClient())

    def test_a_page_is_none(self, mirror: Mirror) -> None:
        mirror.files["/a.asc"] = File(b"<html>Please log in")
        with pytest.raises(SignatureUnavailableError, match=r"a.asc is no OpenPGP signature, it begins with '<html>"):
            fetch_signature([mirror.url("/a.asc")], HttpClient())

    def test_from_a_file(self, tmp_path: Path, signer: Signer) -> None:
        path = tmp_path / "a.asc"
        with pytest.raises(SignatureUnavailableError, match=f"there is no signature: {path}: No such file"):
            read_signature(path)
        path.write_bytes(b"")
        with pytest.raises(SignatureUnavailableError, match=r"is no OpenPGP signature"):
            read_signature(path)
        signature = signer.sign(CONTENT, armor=False)
        path.write_bytes(signature)
        assert read_signature(path) == signature
