# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a signature is not accepted: nobody can tell whether it is good, or it is not."""

from __future__ import annotations

import datetime

from .._core.errors import AlpineCloudError


class SignatureUnavailableError(AlpineCloudError):
    """Whether a signature is good cannot be told: it, the key or GnuPG is missing, or the key is no longer valid."""


class KeyExpiredError(SignatureUnavailableError):
    """The key has expired; its owner may have prolonged it since it was fetched.

    :param subject: the key, to complete the sentence "{subject} expired on …".
    :param expired_on: the day, in UTC, if that is known.
    """

    def __init__(self, subject: str, expired_on: datetime.date | None) -> None:
        on = f" on {expired_on.isoformat()}" if expired_on else ""
        super().__init__(
            f"{subject} expired{on}. Its owner may have prolonged it: give the newer key in option key, or its place "
            "in option key_url; check also the clock of the machine where this module runs"
        )


class SignatureRejectedError(AlpineCloudError):
    """The signature is not one of this file by the owner of the key."""


class OtherSignerError(SignatureRejectedError):
    """Another key has made the signature; it may be a subkey that is newer than our copy of the key.

    :param signer: the fingerprint of that key, or its ID.
    :param fingerprint: of the key whose owner should have made it.
    """

    def __init__(self, signer: str, fingerprint: str) -> None:
        super().__init__(
            f"the signature was made by the key {signer}, but fingerprint says {fingerprint}. If that is a signer whom "
            "you trust, give the key in option key and its fingerprint in option fingerprint"
        )
