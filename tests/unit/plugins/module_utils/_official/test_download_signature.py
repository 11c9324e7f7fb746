# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_check import SignatureMode
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_errors import (
    SignatureRejectedError,
    SignatureUnavailableError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.verification import (
    ImageVerification,
)
from tests.support.downloads import CONTENT, DAY, FORGED, NAME, SHA512, World, published
from tests.support.openpgp import Signer

pytestmark = pytest.mark.usefixtures("loopback")


class TestSignature:
    def test_a_forged_image_with_its_own_digest_is_put_aside(self, world: World) -> None:
        digest = hashlib.sha512(FORGED).hexdigest()
        world.mirror.files[f"/a/{NAME}"].content = FORGED
        world.mirror.files[f"/a/{NAME}.sha512"].content = digest.encode()
        for mode in ("require", "prefer"):
            message = world.failure(SignatureRejectedError, verify_signature=mode)
            rejected = world.work / "downloads" / digest / f"{NAME}.rejected"
            assert message.startswith(f"{NAME} is not trusted: ")
            assert "is not one of this content" in message
            assert f"was put aside as {rejected}: do not use it" in message
            assert rejected.read_bytes() == FORGED
            assert {path.name for path in rejected.parent.iterdir()} == {rejected.name, f"{NAME}.lock"}

    @pytest.mark.parametrize("mode", ["require", "prefer"])
    def test_one_by_another_key_is_refused(self, world: World, other: Signer, mode: SignatureMode) -> None:
        world.mirror.files[f"/a/{NAME}.asc"].content = other.sign(CONTENT)
        message = world.failure(SignatureRejectedError, verify_signature=mode)
        assert f"by the key {other.fingerprint}" in message
        assert not world.image.exists()

    def missing(self, world: World, reason: str, **options: Any) -> None:
        """What is missing ends the task where it is required, and is told where it is preferred."""
        message = world.failure(SignatureUnavailableError, **options)
        assert message.startswith(f"The signature of {NAME} cannot be checked: ")
        assert reason in message
        assert "option sha512" in message
        assert "verify_signature to prefer" in message
        assert not world.image.exists()
        assert world.requests() == []
        result = world.download(verify_signature="prefer", **options)
        assert result["verified"] == {"checksum": True, "signature": False, "fingerprint": None}
        assert len(world.warnings) == 1
        assert reason in world.warnings[0]

    def test_none(self, world: World) -> None:
        del world.mirror.files[f"/a/{NAME}.asc"]
        self.missing(world, "there is no signature")

    def test_no_key(self, world: World) -> None:
        del world.mirror.files["/key.asc"]
        self.missing(world, "key cannot be fetched")

    def test_a_wrong_key(self, world: World, other: Signer) -> None:
        world.mirror.files["/key.asc"].content = other.public_key
        self.missing(world, f"holds the key {other.fingerprint}, but fingerprint says {world.fingerprint}")

    def test_a_wrong_fingerprint(self, world: World) -> None:
        signers = world.fingerprint
        world.fingerprint = "0" * 40
        self.missing(world, f"holds the key {signers}, but fingerprint says {'0' * 40}")

    def test_an_expired_key(self, world: World, expired: Signer) -> None:
        world.mirror.files |= published(expired)
        world.fingerprint = expired.fingerprint
        self.missing(world, "expired on ")

    def test_no_gpg(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        self.missing(world, "gpg is not on PATH")

    def test_a_subkey_that_has_expired_keeps_what_was_downloaded(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signer = Signer("subkey", age=3 * DAY)
        signer._gpg("--quick-add-key", signer.fingerprint, "ed25519", "sign", "1d")
        world.mirror.files |= published(signer)
        world.fingerprint = signer.fingerprint
        assert "expired on " in world.failure(SignatureUnavailableError)
        assert not world.image.exists()
        result = world.download(verify_signature="prefer")
        assert (result["downloaded_bytes"], result["resumed"], result["changed"]) == (0, True, True)
        assert len(world.requests()) == 1
        assert "expired on " in world.warnings[0]

    def test_off_looks_for_nothing(self, world: World) -> None:
        result = world.download(verify_signature="off")
        assert not result["verified"]["signature"]
        metadata = f"/a/{NAME.rpartition('.')[0]}.yaml"
        assert [exchange.path for exchange in world.mirror.exchanges] == [f"/a/{NAME}.sha512", f"/a/{NAME}", metadata]
        assert not world.download(verify_signature="off")["changed"]

    def test_what_was_downloaded_without_is_verified_later(self, world: World) -> None:
        world.download(verify_signature="off")
        result = world.download()
        assert (result["changed"], result["verified"]["signature"]) == (False, True)
        assert len(world.requests()) == 1
        # And is not again.
        world.mirror.exchanges.clear()
        assert world.download()["verified"]["signature"]
        assert [exchange.path for exchange in world.mirror.exchanges] == [f"/a/{NAME}.sha512"]

    def test_what_was_downloaded_without_is_put_aside_if_it_is_not_trusted(self, world: World, other: Signer) -> None:
        world.mirror.files[f"/a/{NAME}.asc"].content = other.sign(CONTENT)
        world.download(verify_signature="off")
        with pytest.raises(SignatureRejectedError):
            world.download(check_mode=True)
        assert world.image.exists()
        world.failure(SignatureRejectedError)
        assert not world.image.exists()
        assert world.left() == {f"{NAME}.rejected", f"{NAME}.lock"}

    def test_what_one_has_signed_is_not_what_another_has(self, world: World, other: Signer) -> None:
        world.download()
        world.mirror.files["/key.asc"].content = other.public_key
        world.fingerprint = other.fingerprint
        assert "by the key" in world.failure(SignatureRejectedError)

    @pytest.mark.parametrize(
        ("options", "mode"),
        [
            ({}, "require"),
            ({"sha512": SHA512}, "off"),
            ({"sha512": SHA512, "key": "key.asc"}, "require"),
            ({"sha512": SHA512, "signature_url": ["http://a.example/x"]}, "require"),
            ({"sha512": SHA512, "verify_signature": "prefer"}, "prefer"),
            ({"sha512_url": ["http://a.example/x"]}, "require"),
            ({"verify_signature": "off"}, "off"),
        ],
    )
    def test_the_default_is_safe(self, world: World, options: dict[str, Any], mode: SignatureMode) -> None:
        assert ImageVerification.from_params(world.params(**options)).signature_mode == mode

    def test_may_be_elsewhere(self, world: World) -> None:
        world.mirror.files["/x.sig"] = world.mirror.files.pop(f"/a/{NAME}.asc")
        assert world.download(signature_url=[world.mirror.url("/x.sig")])["verified"]["signature"]

    def test_the_key_may_be_given(self, world: World, signer: Signer) -> None:
        del world.mirror.files["/key.asc"]
        assert world.download(key=signer.public_key.decode())["verified"]["signature"]
