# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH public key of whoever is to log in."""

from __future__ import annotations

import base64
import binascii
import dataclasses

from .._core.errors import InputError

LOGIN = "alpine"
"""The user that Alpine's cloud images let the owner of the key log in as."""

# What the SSH server of Alpine takes, by https://man.openbsd.org/sshd_config#PubkeyAcceptedAlgorithms, less those of
# security keys, which not every cloud's API takes.
_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_PRIVATE = "PRIVATE KEY"


@dataclasses.dataclass(frozen=True)
class SshPublicKey:
    """A public key, as a line of ``authorized_keys`` has it."""

    kind: str
    """Such as ``ssh-ed25519``."""
    blob: str
    """The key itself, in base64."""
    comment: str

    @classmethod
    def parse(cls, text: str, option: str = "ssh_public_key") -> SshPublicKey:
        """Read the content of a ``.pub`` file.

        :param option: the module's option that ``text`` is of.
        :raises InputError: when it is not one public key; without the text, which may be of a private one.
        """
        if _PRIVATE in text:
            raise InputError(f"{option} is a private key: give the public one, from the file whose name ends in .pub")
        lines = text.strip().splitlines()
        if len(lines) != 1:
            raise InputError(f"{option} must be one public key in one line, but it has {len(lines)} lines")
        kind, _blank, rest = lines[0].strip().partition(" ")
        blob, _blank, comment = rest.strip().partition(" ")
        if kind not in _KINDS:
            raise InputError(f"{option} must begin with the kind of the key, one of {', '.join(_KINDS)}")
        if _kind_in(blob) != kind:
            raise InputError(f"{option} holds no {kind} key after its first word: it is damaged, or was cut off")
        return cls(kind, blob, comment.strip())

    def with_comment(self, comment: str) -> str:
        """The key in one line, with this comment in place of its own."""
        return f"{self.kind} {self.blob} {comment}"

    @property
    def line(self) -> str:
        """The key in one line, as it was given."""
        return self.with_comment(self.comment).strip()


def _kind_in(blob: str) -> str | None:
    """The kind that the binary form begins with, as a string of RFC 4251, section 5."""
    try:
        data = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return None
    length = int.from_bytes(data[:4], "big")
    # Nothing but a kind is no key.
    if len(data) <= 4 + length:
        return None
    return data[4 : 4 + length].decode("ascii", "replace")
