# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bucket from which ImportSnapshot reads: private, in the region of the import, and not another account's."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypedDict

from .._core.errors import AlpineCloudError, InputError, ProviderError
from .._core.wait import wait_until
from .clients import AwsClients
from .errors import provider_errors

if TYPE_CHECKING:
    from types_boto3_s3.literals import BucketLocationConstraintType
    from types_boto3_s3.type_defs import CreateBucketConfigurationTypeDef

_CREATION_SECONDS = 120
"""How long S3 may go on with the deletion of a bucket whose name is wanted again, or with its creation."""
_CREATION_INTERVAL = 5

MISSING = {"404", "NoSuchBucket", "NoSuchKey", "NoSuchUpload", "NotFound"}
"""S3's codes for what is not there: HEAD requests have no body, so that only the status is left."""


class ExpectedOwner(TypedDict, total=False):
    """The parameter with which S3 refuses a bucket of another account."""

    ExpectedBucketOwner: str


def derived_bucket_name(account: str, region: str, sha256: str) -> str:
    """A name for just this content in this account and region.

    Bucket names are unique among all accounts, so a name without the account in it might be another's.
    """
    digest = hashlib.sha256(f"{account}/{region}/{sha256}".encode()).hexdigest()
    return f"alpine-cloud-{digest[:32]}"


@contextlib.contextmanager
def gone_is_done() -> Iterator[None]:
    """Around the removal of something: another run may have removed it, or an attempt whose answer got lost."""
    try:
        yield
    except ProviderError as error:
        if error.code not in MISSING:
            raise


class S3Bucket:
    """A bucket, which may not exist.

    :param owner: of whom S3 must know that the bucket is theirs.
    """

    def __init__(self, clients: AwsClients, name: str, owner: ExpectedOwner) -> None:
        self._s3 = clients.s3
        self._region = clients.region
        self.name = name
        self.owner = owner
        self.created = False
        """Whether it was created here."""

    @classmethod
    def derived(cls, clients: AwsClients, sha256: str) -> S3Bucket:
        """The one for a content."""
        with provider_errors("GetCallerIdentity", "find out the AWS account"):
            account = clients.sts.get_caller_identity()["Account"]
        # Whoever knows the rule could have taken the name: what is not ours is refused.
        return cls(clients, derived_bucket_name(account, clients.region, sha256), {"ExpectedBucketOwner": account})

    def exists(self) -> bool:
        """:raises InputError: when it is in another region.

        :raises ProviderError: when it is another account's.
        """
        try:
            with provider_errors("HeadBucket", f"look for bucket {self.name}"):
                answer = self._s3.head_bucket(Bucket=self.name, **self.owner)
        except ProviderError as error:
            if error.code in MISSING:
                return False
            if error.code == "403":
                raise ProviderError(
                    f"bucket {self.name} belongs to another account, or you may not see it (s3:ListBucket); choose "
                    "another bucket",
                    operation="HeadBucket",
                    code="403",
                    status=403,
                ) from error
            raise
        region = answer.get("BucketRegion") or self._region
        if region != self._region:
            raise InputError(
                f"bucket {self.name} is in {region}, but ImportSnapshot in {self._region} reads only buckets of its "
                "own region; choose another bucket or region"
            )
        return True

    def create(self, warn: Callable[[str], None]) -> None:
        """Create it, closed to the public; on failure, nothing is left of it.

        :param warn: tells the user what is left nevertheless.
        """
        options: dict[str, Any] = {}
        # S3 refuses the location constraint us-east-1, and its absence anywhere else.
        if self._region != "us-east-1":
            options["CreateBucketConfiguration"] = self._location()

        def create() -> None:
            with provider_errors("CreateBucket", f"create bucket {self.name}"):
                self._s3.create_bucket(Bucket=self.name, **options)

        def close() -> None:
            with provider_errors("PutPublicAccessBlock", f"block public access to bucket {self.name}"):
                self._s3.put_public_access_block(
                    Bucket=self.name,
                    PublicAccessBlockConfiguration={
                        "BlockPublicAcls": True,
                        "IgnorePublicAcls": True,
                        "BlockPublicPolicy": True,
                        "RestrictPublicBuckets": True,
                    },
                    **self.owner,
                )

        try:
            self._patiently(create, "OperationAborted")
        except ProviderError as error:
            # The answer to the first attempt got lost, or another run was faster.
            if error.code != "BucketAlreadyOwnedByYou":
                raise
        self.created = True
        try:
            self._patiently(close, "OperationAborted", "NoSuchBucket")
        except AlpineCloudError:
            self.discard(warn)
            raise

    def _patiently(self, act: Callable[[], None], *passing: str) -> None:
        """:param passing: the codes of refusals that end by themselves."""

        def try_once() -> bool | None:
            try:
                act()
            except ProviderError as error:
                if error.code not in passing:
                    raise
                return None
            return True

        wait_until(
            try_once, timeout=_CREATION_SECONDS, interval=_CREATION_INTERVAL, what=f"S3 to settle bucket {self.name}"
        )

    def discard(self, warn: Callable[[str], None]) -> None:
        """Delete it because something else has failed, whose error is the one to be told."""
        try:
            self.delete()
        except ProviderError as error:
            warn(f"Bucket {self.name} stays: {error.message}")

    def _location(self) -> CreateBucketConfigurationTypeDef:
        # Regions that are newer than the types are as good.
        constraint: BucketLocationConstraintType = self._region  # type: ignore[assignment]
        return {"LocationConstraint": constraint}

    def is_empty(self, but_for: str) -> bool:
        """Whether it is there, and nothing but the object of this key is in it."""
        with gone_is_done(), provider_errors("ListObjectsV2", f"list bucket {self.name}"):
            listing = self._s3.list_objects_v2(Bucket=self.name, MaxKeys=2, **self.owner)
            return all(item["Key"] == but_for for item in listing.get("Contents", []))
        return False

    def delete(self) -> bool:
        """Tells whether the bucket is gone; one that others use, or still write to, stays."""
        try:
            with provider_errors("DeleteBucket", f"delete bucket {self.name}"):
                self._s3.delete_bucket(Bucket=self.name, **self.owner)
        except ProviderError as error:
            if error.code not in ("BucketNotEmpty", "NoSuchBucket"):
                raise
            return error.code == "NoSuchBucket"
        return True
