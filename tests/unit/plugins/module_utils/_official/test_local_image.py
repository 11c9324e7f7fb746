# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official.checksum import ChecksumError
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_errors import (
    SignatureRejectedError,
    SignatureUnavailableError,
)
from tests.support.downloads import CONTENT, FORGED, NAME, SHA256, SHA512, World
from tests.support.openpgp import Signer

pytestmark = pytest.mark.usefixtures("loopback")


class TestLocal:
    @pytest.fixture
    def src(self, tmp_path: Path, signer: Signer) -> Path:
        path = tmp_path / NAME
        path.write_bytes(CONTENT)
        path.with_name(f"{NAME}.sha512").write_text(f"{SHA512}  {NAME}\n")
        path.with_name(f"{NAME}.asc").write_bytes(signer.sign(CONTENT))
        return path

    @pytest.mark.parametrize("check_mode", [False, True])
    def test_is_verified_by_the_files_next_to_it(self, world: World, src: Path, check_mode: bool) -> None:
        result = world.verify(src, check_mode=check_mode)
        assert (result["path"], result["size"], result["sha512"], result["sha256"]) == (
            str(src), len(CONTENT), SHA512, SHA256,
        )  # fmt: skip
        assert result["verified"] == {"checksum": True, "signature": True, "fingerprint": world.fingerprint}
        assert (result["changed"], result["downloaded_bytes"], result["url"]) == (False, 0, None)
        assert [exchange.path for exchange in world.mirror.exchanges] == ["/key.asc"]

    def test_is_verified_by_what_a_mirror_has(self, world: World, src: Path) -> None:
        src.with_name(f"{NAME}.sha512").unlink()
        src.with_name(f"{NAME}.asc").unlink()
        urls: dict[str, Any] = {
            "sha512_url": [world.mirror.url(f"/a/{NAME}.sha512")],
            "signature_url": [world.mirror.url(f"/a/{NAME}.asc")],
        }
        assert world.verify(src, **urls)["verified"]["signature"]

    def test_is_verified_by_a_digest_alone(self, world: World, src: Path) -> None:
        assert world.verify(src, sha512=SHA512)["verified"]["checksum"]
        assert world.mirror.exchanges == []

    @pytest.mark.parametrize("content", [FORGED, CONTENT[:-1], b""])
    def test_is_left_as_it_is_when_it_is_wrong(self, world: World, src: Path, content: bytes) -> None:
        src.write_bytes(content)
        before = sorted(path.name for path in src.parent.iterdir())
        with pytest.raises(ChecksumError) as caught:
            world.verify(src, verify_signature="off")
        assert caught.value.message.startswith(f"src {src} is not the image that it should be: its SHA-512 is ")
        assert f"{src}.sha512 says {SHA512}. The file is left as it is" in caught.value.message
        assert src.read_bytes() == content
        assert sorted(path.name for path in src.parent.iterdir()) == before

    def test_is_left_as_it_is_when_it_is_not_trusted(self, world: World, src: Path, other: Signer) -> None:
        src.with_name(f"{NAME}.asc").write_bytes(other.sign(CONTENT))
        with pytest.raises(SignatureRejectedError, match=r"by the key .* The file is left as it is"):
            world.verify(src)
        assert src.read_bytes() == CONTENT

    def test_a_missing_signature_is_told(self, world: World, src: Path) -> None:
        src.with_name(f"{NAME}.asc").unlink()
        with pytest.raises(
            SignatureUnavailableError, match=rf"^The signature of src {src} cannot be checked: .*\.asc: No"
        ):
            world.verify(src)
        assert not world.verify(src, verify_signature="prefer")["verified"]["signature"]
        assert len(world.warnings) == 1

    def test_a_missing_digest_is_told(self, world: World, src: Path) -> None:
        src.with_name(f"{NAME}.sha512").unlink()
        with pytest.raises(
            InputError, match=r"nothing says what its SHA-512 should be: .* option sha512 or sha512_url"
        ):
            world.verify(src)

    def test_a_missing_file_is_told(self, world: World, tmp_path: Path) -> None:
        src = tmp_path / "missing.qcow2"
        with pytest.raises(InputError, match=f"^src {src}: no such file"):
            world.verify(src)
        result = world.verify(src, check_mode=True)
        assert (result["changed"], result["size"], result["verified"]["checksum"]) == (False, None, False)
        assert "does not exist yet" in world.warnings[0]

    def test_a_directory_is_refused(self, world: World, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="this is no regular file"):
            world.verify(tmp_path)
