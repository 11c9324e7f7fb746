# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official import signature
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import HttpClient
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature import (
    ALPINE_FINGERPRINT,
    Key,
    KeyExpiredError,
    KeySource,
    OtherSignerError,
    SignatureRejectedError,
    SignatureUnavailableError,
    check_key,
    check_signature,
    checked_fingerprint,
    fetch_signature,
    find_gpg,
    read_signature,
)
from tests.support.mirror import File, Mirror
from tests.support.openpgp import Signer

CONTENT = b"an image"
DAY = 86400


@pytest.fixture(scope="module")
def signer() -> Iterator[Signer]:
    with Signer("signer") as made:
        yield made


@pytest.fixture(scope="module")
def other() -> Iterator[Signer]:
    with Signer("other") as made:
        yield made


@pytest.fixture
def expired() -> Iterator[Signer]:
    with Signer("expired", age=3 * DAY, expires="1d") as made:
        yield made


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "-image.qcow2"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with Mirror() as started:
        yield started


class TestSignature:
    @pytest.mark.parametrize("armor", [True, False])
    def test_a_good_one_is_accepted(self, image: Path, signer: Signer, armor: bool) -> None:
        check_signature(image, signer.sign(CONTENT, armor=armor), signer.public_key, signer.fingerprint)

    def test_one_by_a_subkey_counts_as_the_owners(self, image: Path) -> None:
        with Signer("subkey") as signer:
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
        with Signer("revoked") as signer:
            signature = signer.sign(CONTENT)
            signer.revoke()
            with pytest.raises(SignatureRejectedError, match=r"has been revoked by its owner"):
                check_signature(image, signature, signer.public_key, signer.fingerprint)

    def test_one_that_has_expired_itself_is_refused(self, image: Path) -> None:
        with Signer("short", age=3 * DAY) as signer:
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

    def test_nothing_is_left(
        self, image: Path, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(scratch))
        homes: list[set[str]] = []
        with_home = signature._gnupg_home

        @contextlib.contextmanager
        def watched() -> Iterator[Path]:
            with with_home() as home:
                yield home
                homes.append({path.name for path in home.iterdir()})

        monkeypatch.setattr(signature, "_gnupg_home", watched)
        check_signature(image, signer.sign(CONTENT), signer.public_key, signer.fingerprint)
        # A socket would be that of a daemon.
        assert len(homes) == 1
        assert not [name for name in homes[0] if name.startswith("S.")]
        assert not list(scratch.iterdir())


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


class TestKey:
    def test_the_right_one_is_accepted(self, signer: Signer, other: Signer) -> None:
        assert check_key(signer.public_key, signer.fingerprint, "x") == signer.public_key
        both = other.public_key + signer.public_key
        assert check_key(both, signer.fingerprint, "x") == both

    def test_another_is_refused(self, signer: Signer, other: Signer) -> None:
        with pytest.raises(
            SignatureUnavailableError,
            match=f"^x holds the key {other.fingerprint}, but fingerprint says {signer.fingerprint}.*fingerprint",
        ):
            check_key(other.public_key, signer.fingerprint, "x")

    def test_the_fingerprint_of_a_subkey_is_not_enough(self) -> None:
        with Signer("subkey") as signer:
            signer.add_subkey()
            listing = signer._gpg("--with-colons", "--list-keys").decode().splitlines()
            subkey = [line.split(":")[9] for line in listing if line.startswith("fpr:")][1]
            with pytest.raises(SignatureUnavailableError, match=f"^x holds the key {signer.fingerprint}, but"):
                check_key(signer.public_key, subkey, "x")

    def test_an_expired_one_is_told(self, expired: Signer) -> None:
        with pytest.raises(KeyExpiredError, match=rf"^x: the key {expired.fingerprint} expired on 20\d\d-\d\d-\d\d\."):
            check_key(expired.public_key, expired.fingerprint, "x")

    def test_a_revoked_one_is_refused(self) -> None:
        with Signer("revoked") as signer:
            signer.revoke()
            with pytest.raises(SignatureUnavailableError, match=r"has been revoked by its owner.*option fingerprint"):
                check_key(signer.public_key, signer.fingerprint, "x")

    @pytest.mark.parametrize("content", [b"", b"<html>", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmF4E\n"])
    def test_what_is_none_is_told(self, signer: Signer, content: bytes) -> None:
        with pytest.raises(SignatureUnavailableError, match=r"^x holds no OpenPGP public key"):
            check_key(content, signer.fingerprint, "x")


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
    ) -> KeySource:
        return KeySource(signer.fingerprint, key, mirror.url("/key.asc"), HttpClient(), tmp_path / "work", pin)

    def test_is_fetched_once(self, mirror: Mirror, signer: Signer, image: Path, tmp_path: Path) -> None:
        mirror.files["/key.asc"] = File(signer.public_key)
        for _run in range(2):
            source = self.source(mirror, signer, tmp_path)
            source.check(image, signer.sign(CONTENT), source.get())
        assert len(mirror.exchanges) == 1
        assert (tmp_path / "work" / "keys" / f"{signer.fingerprint}.asc").read_bytes() == signer.public_key

    def test_nothing_is_written_when_it_must_not(self, mirror: Mirror, signer: Signer, tmp_path: Path) -> None:
        mirror.files["/key.asc"] = File(signer.public_key)
        assert self.source(mirror, signer, tmp_path, pin=False).get() == Key(signer.public_key)
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
            assert self.source(mirror, signer, tmp_path, key=key).get() == Key(signer.public_key)
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
            source.check(image, signature, source.get())
        expired.prolong()
        mirror.files["/key.asc"] = File(expired.public_key)
        source.check(image, signature, source.get())
        assert (keys / source._file_name).read_bytes() == expired.public_key != old

    def test_a_copy_without_a_new_subkey_is_renewed(self, mirror: Mirror, image: Path, tmp_path: Path) -> None:
        with Signer("subkey") as signer:
            mirror.files["/key.asc"] = File(signer.public_key)
            source = self.source(mirror, signer, tmp_path)
            source.get()
            signer.add_subkey()
            signature = signer.sign(CONTENT)
            with pytest.raises(OtherSignerError):
                source.check(image, signature, source.get())
            mirror.files["/key.asc"] = File(signer.public_key)
            source.check(image, signature, source.get())
            assert len(mirror.exchanges) == 3

    def test_a_key_that_the_user_gives_is_not_renewed(
        self, mirror: Mirror, signer: Signer, other: Signer, image: Path, tmp_path: Path
    ) -> None:
        source = self.source(mirror, signer, tmp_path, key=signer.public_key.decode())
        with pytest.raises(OtherSignerError):
            source.check(image, other.sign(CONTENT), source.get())
        assert not mirror.exchanges


def test_a_missing_gpg_is_told_with_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.access(find_gpg(), os.X_OK)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        SignatureUnavailableError, match=r"gnupg \(Debian, Ubuntu, Alpine, Homebrew\) or gnupg2 \(Fedora\)"
    ):
        find_gpg()
