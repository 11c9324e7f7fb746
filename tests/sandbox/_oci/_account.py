# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away tenancy with one user, whose API key signs requests."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import string
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

REGION = "eu-frankfurt-1"
AVAILABILITY_DOMAINS = tuple(f"Uocm:EU-FRANKFURT-1-AD-{number}" for number in (1, 2, 3))
_BASE32 = string.ascii_lowercase + "234567"


def new_ocid(kind: str, *, regional: bool = True) -> str:
    """An OCID as Oracle writes it: https://docs.oracle.com/iaas/Content/General/Concepts/identifiers.htm."""
    unique = "".join(secrets.choice(_BASE32) for _index in range(52))
    return f"ocid1.{kind}.oc1.{REGION if regional else ''}.aaaaaaaa{unique}"


@dataclasses.dataclass(frozen=True)
class Account:
    """The tenancy. Its namespace in Object Storage is a random word, as for real tenancies."""

    tenancy: str
    user: str
    compartment: str
    namespace: str
    fingerprint: str
    public_key: rsa.RSAPublicKey
    config_file: Path

    @property
    def key_id(self) -> str:
        return f"{self.tenancy}/{self.user}/{self.fingerprint}"

    @property
    def compartments(self) -> set[str]:
        """The root compartment has the tenancy's OCID."""
        return {self.tenancy, self.compartment}


def create_account(directory: Path) -> Account:
    """Make one, and write the SDK's configuration file with its key into ``directory``."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    key_file = directory / "api_key.pem"
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    account = Account(
        tenancy=new_ocid("tenancy", regional=False),
        user=new_ocid("user", regional=False),
        compartment=new_ocid("compartment", regional=False),
        namespace="ax" + "".join(secrets.choice(string.ascii_lowercase) for _index in range(10)),
        fingerprint=":".join(digest[i : i + 2] for i in range(0, 32, 2)),
        public_key=key.public_key(),
        config_file=directory / "config",
    )
    account.config_file.touch(mode=0o600)
    account.config_file.write_text(
        f"[DEFAULT]\nuser={account.user}\nfingerprint={account.fingerprint}\ntenancy={account.tenancy}\n"
        f"region={REGION}\nkey_file={key_file}\n"
    )
    return account
