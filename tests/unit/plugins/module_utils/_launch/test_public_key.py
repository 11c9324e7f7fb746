# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._launch.public_key import SshPublicKey


def blob(kind: str, key: bytes = b"\x00\x00\x00\x04four") -> str:
    name = kind.encode()
    return base64.b64encode(len(name).to_bytes(4, "big") + name + key).decode()


ED25519 = blob("ssh-ed25519")


@pytest.mark.parametrize("comment", ["", "somebody@elsewhere", "two words"])
@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
def test_a_line_of_a_pub_file_is_read(kind: str, comment: str) -> None:
    key = SshPublicKey.parse(f"{kind} {blob(kind)} {comment}\n")
    assert (key.kind, key.blob, key.comment) == (kind, blob(kind), comment)
    assert key.line == f"{kind} {blob(kind)} {comment}".strip()


def test_the_comment_can_be_another() -> None:
    key = SshPublicKey.parse(f"ssh-ed25519 {ED25519} somebody@elsewhere")
    assert key.with_comment("alpine") == f"ssh-ed25519 {ED25519} alpine"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must be one public key in one line, but it has 0 lines"),
        (f"ssh-ed25519 {ED25519}\nssh-ed25519 {ED25519}", "but it has 2 lines"),
        ("~/.ssh/id_ed25519.pub", "must begin with the kind of the key"),
        (f"ssh-dss {blob('ssh-dss')}", "must begin with the kind of the key"),
        ("ssh-ed25519", "holds no ssh-ed25519 key after its first word"),
        ("ssh-ed25519 AAAA", "it is damaged, or was cut off"),
        ("ssh-ed25519 not base64", "it is damaged, or was cut off"),
        (f"ssh-ed25519 {blob('ssh-ed25519', b'')}", "it is damaged, or was cut off"),
        (f"ssh-ed25519 {blob('ssh-rsa')}", "it is damaged, or was cut off"),
    ],
)
def test_what_is_no_public_key_is_refused_by_the_options_name(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=r"^a_key ") as caught:
        SshPublicKey.parse(text, "a_key")
    assert reason in caught.value.message


def test_a_private_key_is_refused_without_being_repeated() -> None:
    private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n"
    with pytest.raises(InputError, match="ssh_public_key is a private key") as caught:
        SshPublicKey.parse(private)
    assert "b3Blb" not in caught.value.message
