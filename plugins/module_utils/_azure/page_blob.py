# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fixed VHD as a page blob: only what is not zero travels, in parallel, and an interrupted upload is resumed.

While an upload lasts, the blob's metadata holds ``unfinished_source_sha256``. The MD5 and then the metadata
``source_sha256`` are written after the last page: they are the commit marker, and a blob without it is unfinished.
The blob's sequence number is made from the content's SHA-256 and is a condition of every page written, so that an
upload of other content which replaces the blob stops this one, instead of both being mixed.

Limits: https://learn.microsoft.com/rest/api/storageservices/put-page
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.progress import Progress
from .._disk.vhd import FOOTER_SIZE, read_vhd_footer
from .auth import (
    CONNECTION_TIMEOUT,
    READ_TIMEOUT,
    Session,
)
from .errors import translated

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, BlobServiceClient

T = TypeVar("T")
R = TypeVar("R")

MIB = 1 << 20
MAX_PUT = 4 * MIB
"""Bytes; the most that Put Page takes."""
BLOCK = 64 << 10
"""Bytes; the unit in which zeros are looked for."""
COMMITTED = "source_sha256"
UNFINISHED = "unfinished_source_sha256"

_TOKEN_SCOPE = "https://storage.azure.com/.default"
"""The same in all of Azure's clouds, as the SDK has it."""
_ZEROS = bytes(BLOCK)
_CONDITION_CODES = ("ConditionNotMet", "BlobAlreadyExists", "TargetConditionNotMet")
_COMMIT_ATTEMPTS = 3
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")


@dataclasses.dataclass(frozen=True)
class PageBlobRequest:
    """What module ``alpine_azure_page_blob`` was asked for."""

    container: str
    name: str
    src: str | None = None
    source_sha256: str | None = None
    create_container: bool = False
    threads: int = 8

    def check(self) -> None:
        """:raises InputError: for names that Azure or its image import does not allow."""
        if not _CONTAINER.fullmatch(self.container):
            raise InputError(
                f"container {self.container!r} is not a container's name: 3 to 63 lower-case letters, digits and "
                "single dashes, beginning and ending with a letter or digit"
            )
        if not self.name.endswith(".vhd") or not 5 <= len(self.name) <= 1024:
            raise InputError(f"name {self.name!r} must end with '.vhd': Azure imports no other blobs as images")
        if not 1 <= self.threads <= 64:
            raise InputError(f"threads must be 1 to 64, got {self.threads}")


def blob_endpoint(session: Session, account: str, endpoint: str | None) -> str:
    """The address of an account's Blob service, without a slash at the end.

    :raises InputError: when ``account`` is not a storage account's name.
    """
    if not _ACCOUNT.fullmatch(account):
        raise InputError(f"storage_account {account!r} is not an account's name: 3 to 24 lower-case letters and digits")
    return (endpoint or f"https://{account}.blob.{session.cloud.storage_suffix}").rstrip("/")


def blob_service(session: Session, endpoint: str, account_key: str | None) -> BlobServiceClient:
    """A client with the SDK's own retry layer, bounded and with jitter.

    :raises ProviderError: when the sign-in is refused.
    """
    storage = require("azure.storage.blob", "azure-storage-blob")
    if session.credential and not account_key:
        # That retry layer takes a refused sign-in for a transient fault, and would tell of it after a minute.
        with translated("IssueToken", "sign in to Azure Storage"):
            session.credential.get_token(_TOKEN_SCOPE)
    client: BlobServiceClient = storage.BlobServiceClient(
        endpoint,
        credential=account_key or session.credential,
        connection_verify=session.tls,
        connection_timeout=CONNECTION_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retry_policy=storage.ExponentialRetry(
            initial_backoff=1, increment_base=2, retry_total=5, random_jitter_range=1
        ),
    )
    return client


def check_fixed_vhd(src: str) -> int:
    """Return the file's size, in bytes.

    :raises InputError: when Azure's image import would refuse the file.
    """
    if not Path(src).is_file():
        raise InputError(f"src {src}: no such file")
    footer = read_vhd_footer(src)
    if footer.disk_type != "fixed":
        raise InputError(
            f"src {src} is a {footer.disk_type} VHD, but Azure imports fixed ones only: convert it with "
            "alpine_image_convert (format fixed_vhd)"
        )
    if footer.current_size == 0 or footer.current_size % MIB:
        raise InputError(
            f"src {src} has a virtual size of {footer.current_size} bytes, but Azure wants a whole number of MiB: "
            "convert it with alpine_image_convert (format fixed_vhd)"
        )
    return footer.current_size + FOOTER_SIZE


def nonzero_ranges(file: BinaryIO, consume: Callable[[bytes], object]) -> Iterator[tuple[int, int]]:
    """Half-open byte ranges of at most ``MAX_PUT`` bytes that hold all that is not zero.

    :param file: at its start; its length is a multiple of 512.
    :param consume: gets the whole content in order, such as a hash's ``update``.
    """
    start: int | None = None
    offset = 0
    while chunk := file.read(MAX_PUT):
        consume(chunk)
        for index in range(0, len(chunk), BLOCK):
            block = chunk[index : index + BLOCK]
            position = offset + index
            if block == _ZEROS[: len(block)]:
                if start is not None:
                    yield start, position
                    start = None
            elif start is None:
                start = position
            elif position - start == MAX_PUT:
                yield start, position
                start = position
        offset += len(chunk)
    if start is not None:
        yield start, offset


def sequence_number(sha256: str) -> int:
    """A number for the content, small enough for every JSON parser."""
    return int(sha256[:12], 16)


class PageBlob:
    """One page blob and what is known of it."""

    def __init__(self, service: BlobServiceClient, request: PageBlobRequest) -> None:
        self._request = request
        self._container = service.get_container_client(request.container)
        self._blob: BlobClient = self._container.get_blob_client(request.name)
        self._what = f"blob {request.container}/{request.name}"

    def ensure_present(self, *, check_mode: bool, warn: Callable[[str], object]) -> dict[str, Any]:
        """Upload what is not there yet.

        :param warn: tells the user what check mode could not look at.
        :raises ConflictError: when the blob holds other content, or is not ours.
        :raises InputError: when ``src`` is missing or unfit.
        """
        request = self._request
        request.check()
        sha256, src = request.source_sha256, request.src
        if sha256 is None or src is None:
            raise InputError("state=present needs the options src and source_sha256")
        size = self._source_size(src, check_mode=check_mode, warn=warn)
        properties = self._properties()
        if properties and self._is_complete(properties, size):
            return self._result(size or properties.size, changed=False)
        container_missing = properties is None and not self._container_exists()
        if container_missing and not request.create_container:
            message = f"container {request.container!r} does not exist: create it first, or set create_container=true"
            if not check_mode:
                raise InputError(message)
            warn(message)
        resume = properties is not None and properties.size == size and _metadata(properties).get(UNFINISHED) == sha256
        before = {} if properties is None else {"state": "unfinished", "size": properties.size}
        diff = diff_of(before, {"state": "complete", "size": size, "source_sha256": sha256})
        uploaded = 0
        if not check_mode:
            if size is None:
                raise InputError(f"src {src}: no such file")
            if container_missing:
                self._create_container()
            uploaded = self._upload(Path(src), size, sha256, properties, resume=resume)
        return self._result(size, changed=True, resumed=resume, uploaded_bytes=uploaded, diff=diff)

    def ensure_absent(self, *, check_mode: bool) -> dict[str, Any]:
        """Delete the blob; when ``source_sha256`` is given, only one that holds that content, finished or not."""
        self._request.check()
        properties = self._properties()
        holds = _metadata(properties).get(COMMITTED) or _metadata(properties).get(UNFINISHED)
        if properties is None or self._request.source_sha256 not in (None, holds):
            return {"changed": False, "url": self._blob.url}
        if not check_mode:
            exceptions = require("azure.core.exceptions", "azure-core")
            with (
                translated("DeleteBlob", f"delete {self._what}"),
                contextlib.suppress(exceptions.ResourceNotFoundError),
            ):
                self._blob.delete_blob(delete_snapshots="include")
        before = {"state": "present", "size": properties.size, "source_sha256": holds}
        return {"changed": True, "url": self._blob.url, "diff": diff_of(before, {})}

    # -- looking

    @staticmethod
    def _source_size(src: str, *, check_mode: bool, warn: Callable[[str], object]) -> int | None:
        if check_mode and not Path(src).exists():
            warn(f"src {src} does not exist yet, so it cannot be checked")
            return None
        return check_fixed_vhd(src)

    def _properties(self) -> BlobProperties | None:
        exceptions = require("azure.core.exceptions", "azure-core")
        with translated("GetBlobProperties", f"look up {self._what}"):
            try:
                return self._blob.get_blob_properties()
            except exceptions.ResourceNotFoundError:
                return None

    def _container_exists(self) -> bool:
        with translated("GetContainerProperties", f"look up container {self._request.container}"):
            return bool(self._container.exists())

    def _is_complete(self, properties: BlobProperties, size: int | None) -> bool:
        """Whether the blob is ours and finished.

        :raises ConflictError: when it is not to be touched.
        """
        metadata = _metadata(properties)
        holds = metadata.get(COMMITTED)
        remedy = "give option name another value, or delete the blob with state=absent"
        if str(getattr(properties.blob_type, "value", properties.blob_type)) != "PageBlob":
            raise ConflictError(f"{self._what} exists and is no page blob: {remedy}")
        if holds is None and UNFINISHED not in metadata:
            raise ConflictError(f"{self._what} exists and was not uploaded by this module: {remedy}")
        if holds is None:
            return False
        if holds != self._request.source_sha256 or (size is not None and properties.size != size):
            raise ConflictError(f"{self._what} holds other content, made from the image with SHA-256 {holds}: {remedy}")
        return True

    # -- writing

    def _create_container(self) -> None:
        exceptions = require("azure.core.exceptions", "azure-core")
        with (
            translated("CreateContainer", f"create container {self._request.container}"),
            contextlib.suppress(exceptions.ResourceExistsError),
        ):
            # Private: no public access is asked for.
            self._container.create_container()

    def _upload(self, src: Path, size: int, sha256: str, properties: BlobProperties | None, *, resume: bool) -> int:
        """Returns how many bytes were sent."""
        number = sequence_number(sha256)
        digest = hashlib.md5(usedforsecurity=False)
        if not resume:
            self._create(size, sha256, number, properties)
        present = self._present_ranges() if resume else []
        progress = Progress("upload", size)

        def pieces() -> Iterator[tuple[int, bytes]]:
            with src.open("rb") as content, src.open("rb") as reader:
                for first, last in nonzero_ranges(content, digest.update):
                    # Each VHD's footer has a time stamp and an id of its own, so it is always written.
                    if last <= size - FOOTER_SIZE and covered(first, last, present):
                        continue
                    reader.seek(first)
                    yield first, reader.read(last - first)
                    progress.update(first)

        def put(piece: tuple[int, bytes]) -> int:
            first, data = piece
            with translated("PutPage", f"write to {self._what}"):
                self._blob.upload_page(data, offset=first, length=len(data), if_sequence_number_eq=number)
            return len(data)

        try:
            sent = sum(map_bounded(put, pieces(), self._request.threads))
        except ProviderError as error:
            if error.code in ("SequenceNumberConditionNotMet", "InvalidBlobType"):
                raise self._replaced() from error
            raise
        self._commit(sha256, number, digest.digest())
        progress.update(size)
        return sent

    def _present_ranges(self) -> list[tuple[int, int]]:
        with translated("GetPageRanges", f"look at what {self._what} holds already"):
            ranges = [entry for entry in self._blob.list_page_ranges() if not entry.cleared]
            return [(int(entry.start or 0), int(entry.end or 0) + 1) for entry in ranges]

    def _create(self, size: int, sha256: str, number: int, properties: BlobProperties | None) -> None:
        core = require("azure.core", "azure-core")
        # Replaces only what was looked at.
        condition: dict[str, Any] = {"match_condition": core.MatchConditions.IfMissing}
        if properties is not None:
            condition = {"match_condition": core.MatchConditions.IfNotModified, "etag": properties.etag}
        try:
            with translated("PutBlob", f"create {self._what}"):
                self._blob.create_page_blob(size, metadata={UNFINISHED: sha256}, sequence_number=number, **condition)
        except ProviderError as error:
            if error.code not in _CONDITION_CODES:
                raise
            # The answer to our own first attempt may have got lost.
            now = self._properties()
            if now is None or now.size != size or _metadata(now).get(UNFINISHED) != sha256:
                raise self._replaced() from error

    def _commit(self, sha256: str, number: int, md5: bytes) -> None:
        storage = require("azure.storage.blob", "azure-storage-blob")
        core = require("azure.core", "azure-core")
        settings = storage.ContentSettings(content_type="application/octet-stream", content_md5=bytearray(md5))
        for _attempt in range(_COMMIT_ATTEMPTS):
            now = self._properties()
            if now is None or now.page_blob_sequence_number != number:
                break
            if _metadata(now).get(COMMITTED) == sha256:
                return
            unchanged: dict[str, Any] = {"match_condition": core.MatchConditions.IfNotModified, "etag": now.etag}
            try:
                with translated("SetBlobProperties", f"finish {self._what}"):
                    unchanged["etag"] = self._blob.set_http_headers(settings, **unchanged)["etag"]
                with translated("SetBlobMetadata", f"finish {self._what}"):
                    self._blob.set_blob_metadata({COMMITTED: sha256}, **unchanged)
                return
            except ProviderError as error:
                # A repeated request meets the change that its first attempt made: look again.
                if error.code not in _CONDITION_CODES:
                    raise
        raise self._replaced()

    def _replaced(self) -> ConflictError:
        return ConflictError(
            f"{self._what} was replaced by another upload while this one ran: let only one write to a name at a time"
        )

    def _result(self, size: int | None, *, changed: bool, **more: Any) -> dict[str, Any]:
        return {
            "changed": changed,
            "url": self._blob.url,
            "container": self._request.container,
            "name": self._request.name,
            "size": size,
            "source_sha256": self._request.source_sha256,
            "resumed": False,
            "uploaded_bytes": 0,
            **more,
        }


def _metadata(properties: BlobProperties | None) -> dict[str, str]:
    return {} if properties is None else dict(properties.metadata or {})


def covered(first: int, last: int, present: Iterable[tuple[int, int]]) -> bool:
    """Whether the half-open range lies in ``present``, sorted half-open ranges of which some may touch."""
    position = first
    for start, end in present:
        if start <= position < end:
            position = end
    return position >= last


def map_bounded(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Results in order of completion; at most ``2 * threads`` items are taken ahead, and none after a failure."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=threads) as pool:
        pending: set[concurrent.futures.Future[R]] = set()
        try:
            for item in items:
                pending.add(pool.submit(function, item))
                if len(pending) >= 2 * threads:
                    done, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            for future in concurrent.futures.as_completed(pending):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
