# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bucket from which ImportSnapshot reads: private, in the region of the import, and not another account's."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, TypedDict

from .._core.errors import AlpineCloudError, InputError, ProviderError
from .._core.wait import wait_until
from .clients import AwsClients
from .errors import CREDENTIAL_CODES, provider_errors

if TYPE_CHECKING:
    from types_boto3_s3.literals import BucketLocationConstraintType
    from types_boto3_s3.type_defs import CreateBucketConfigurationTypeDef

_DELETION_SECONDS = 120
"""How long S3 may go on with the deletion of a bucket whose name is wanted again."""
_DELETION_INTERVAL = 5

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")

MISSING = {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}
"""S3's codes for what is not there: HEAD requests have no body, so that only the status is left."""
CLEANED_UP = {"NoSuchBucket", "NoSuchUpload"}
"""S3's codes for an upload that is over, or whose bucket is gone."""


class ExpectedOwner(TypedDict, total=False):
    """The parameter with which S3 refuses a bucket of another account."""

    ExpectedBucketOwner: str


def checked_bucket_name(name: str) -> str:
    """Return ``name``. :raises InputError: when S3 allows no bucket of that name."""
    if not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name):
        raise InputError(
            f"bucket {name!r} is not a bucket's name: 3 to 63 lower-case letters, digits, dots and dashes, beginning "
            "and ending with a letter or digit, no IP address, and no prefix or suffix that S3 reserves"
        )
    return name


def derived_bucket_name(account: str, region: str, sha256: str) -> str:
    """A name for just this content in this account and region.

    Bucket names are unique among all accounts, so a name without the account in it might be another's.
    """
    digest = hashlib.sha256(f"{account}/{region}/{sha256}".encode()).hexdigest()
    return f"alpine-cloud-{digest[:32]}"


class S3Bucket:
    """A bucket, which may not exist.

    :param owner: of whom S3 must know that the bucket is theirs.
    """

    def __init__(self, clients: AwsClients, name: str, owner: ExpectedOwner) -> None:
        self._clients = clients
        self._s3 = clients.s3
        self._region = clients.region
        self.name = name
        self.owner = owner

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
                self._refuse_wrong_key()
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

    def _refuse_wrong_key(self) -> None:
        """Ask who we are: S3 answers a wrong key as it does somebody else's, and a HEAD request without a word."""
        try:
            with provider_errors("GetCallerIdentity", f"look for bucket {self.name}"):
                self._clients.sts.get_caller_identity()
        except ProviderError as error:
            if error.code in CREDENTIAL_CODES:
                raise

    def create(self) -> None:
        """Create it, closed to the public; on failure, nothing is left of it."""

        def try_once() -> bool | None:
            try:
                with provider_errors("CreateBucket", f"create bucket {self.name}"):
                    # S3 refuses the location constraint us-east-1, and its absence anywhere else.
                    if self._region == "us-east-1":
                        self._s3.create_bucket(Bucket=self.name)
                    else:
                        self._s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=self._location())
            except ProviderError as error:
                if error.code == "OperationAborted":
                    return None
                if error.code != "BucketAlreadyOwnedByYou":
                    raise
            return True

        wait_until(
            try_once,
            timeout=_DELETION_SECONDS,
            interval=_DELETION_INTERVAL,
            what=f"the deletion of bucket {self.name}",
        )
        try:
            wait_until(self._close, timeout=_DELETION_SECONDS, interval=_DELETION_INTERVAL, what=f"bucket {self.name}")
        except AlpineCloudError:
            self.delete()
            raise

    def _close(self) -> bool | None:
        """Block public access; ``None`` where S3 does not know the new bucket everywhere yet."""
        try:
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
        except ProviderError as error:
            if error.code in ("OperationAborted", "NoSuchBucket"):
                return None
            raise
        return True

    def _location(self) -> CreateBucketConfigurationTypeDef:
        # Regions that are newer than the types are as good.
        constraint: BucketLocationConstraintType = self._region  # type: ignore[assignment]
        return {"LocationConstraint": constraint}

    def is_empty(self, but_for: str) -> bool:
        """Whether nothing but the object of this key is in it."""
        try:
            with provider_errors("ListObjectsV2", f"list bucket {self.name}"):
                listing = self._s3.list_objects_v2(Bucket=self.name, MaxKeys=2, **self.owner)
        except ProviderError as error:
            if error.code in MISSING:
                return False
            raise
        return all(item["Key"] == but_for for item in listing.get("Contents", []))

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
