# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fixed VHD as a page blob, from which Azure imports images."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import checked_sha256, refuse_other_content
from .._core.units import MIB
from .._core.wait import Wait
from .._disk.vhd import FOOTER_SIZE, read_vhd_footer
from .clients import AzureClients
from .errors import provider_errors
from .page_blob_state import PageBlobAttributes, PageBlobState, page_blob_state
from .page_upload import GONE, PageUpload

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_MAX_THREADS = 64


@dataclasses.dataclass(frozen=True)
class PageBlobRequest:
    """What module ``alpine_azure_page_blob`` was asked for."""

    container: str
    name: str
    src: str
    """A path; empty where the blob is to go."""
    source_sha256: str | None
    """``None`` where the blob is to go, whatever it holds."""
    create_container: bool
    threads: int
    best_effort: bool
    wait: Wait

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> PageBlobRequest:
        """:raises InputError: for names that Azure or its image import does not allow."""
        account, container, name = params["storage_account"], params["container"], params["name"]
        if not _ACCOUNT.fullmatch(account):
            raise InputError(
                f"storage_account {account!r} is not an account's name: 3 to 24 lower-case letters and digits"
            )
        if not _CONTAINER.fullmatch(container):
            raise InputError(
                f"container {container!r} is not a container's name: 3 to 63 lower-case letters, digits and "
                "single dashes, beginning and ending with a letter or digit"
            )
        if not name.endswith(".vhd") or not 5 <= len(name) <= 1024:
            raise InputError(f"name {name!r} must end with '.vhd': Azure imports no other blobs as images")
        if not 1 <= params["threads"] <= _MAX_THREADS:
            raise InputError(f"threads must be 1 to {_MAX_THREADS}, got {params['threads']}")
        return cls(
            container=container,
            name=name,
            src=params["src"] or "",
            source_sha256=checked_sha256(params["source_sha256"]) if params["source_sha256"] else None,
            create_container=params["create_container"],
            threads=params["threads"],
            best_effort=params["best_effort"],
            wait=Wait.from_params(params),
        )

    @property
    def what(self) -> str:
        return f"blob {self.container}/{self.name}"

    def wanted(self, size: int | None) -> PageBlobAttributes:
        """:param size: of the file, in bytes; ``None`` where it is not there yet."""
        return PageBlobAttributes("complete", size, self.source_sha256)


def ensure_present(
    clients: AzureClients, request: PageBlobRequest, *, check_mode: bool, warn: Callable[[str], object]
) -> dict[str, Any]:
    """Upload what is not there yet.

    :param warn: tells the user what check mode could not look at.
    :raises ConflictError: when the blob holds other content, or is not ours.
    :raises InputError: when ``src`` is missing or unfit.
    """
    size = _source_size(request.src, check_mode=check_mode, warn=warn)
    container, blob = _clients(clients, request)
    found = page_blob_state(blob, request.what)
    if found and _is_complete(found, request, size):
        return _result(blob, request, size or found.size, changed=False)
    container_missing = found is None and not _exists(container, request)
    if container_missing and not request.create_container:
        message = f"container {request.container!r} does not exist: create it first, or set create_container=true"
        if not check_mode:
            raise InputError(message)
        warn(message)
    resume = found is not None and found.size == size and found.unfinished == request.source_sha256
    uploaded = 0
    # Without check mode the size is known.
    if size is not None and not check_mode:
        if container_missing:
            _create_container(container, request)
        sha256 = str(request.source_sha256)
        upload = PageUpload(blob, request.what, Path(request.src), size, sha256, request.threads, request.wait)
        uploaded = _run(upload, found, resume=resume)
    before = found and PageBlobAttributes("unfinished", found.size, None)
    diff = diff_of(before, request.wanted(size))
    return _result(blob, request, size, changed=True, resumed=resume, uploaded_bytes=uploaded, diff=diff)


def ensure_absent(
    clients: AzureClients, request: PageBlobRequest, *, check_mode: bool, warn: Callable[[str], object]
) -> dict[str, Any]:
    """Delete the blob; when ``source_sha256`` is given, only one that holds that content, finished or not.

    :param warn: tells the user what remains, with ``best_effort``.
    :raises ConflictError: when it holds other content.
    """
    try:
        return _removed(clients, request, check_mode=check_mode)
    except (ConflictError, ProviderError) as error:
        if not request.best_effort:
            raise
        warn(
            f"{request.what} remains: {error.message} Remove it by hand, or have role alpine_azure keep what it stages "
            "(alpine_azure_keep_staged)."
        )
        _container, blob = _clients(clients, request)
        return {"changed": False, "url": blob.url, "remains": [f"{request.container}/{request.name}"]}


def _removed(clients: AzureClients, request: PageBlobRequest, *, check_mode: bool) -> dict[str, Any]:
    _container, blob = _clients(clients, request)
    found = page_blob_state(blob, request.what)
    if found is None:
        return {"changed": False, "url": blob.url, "remains": []}
    refuse_other_content(request.what, held=found.holds, wanted=request.source_sha256)
    if not check_mode:
        exceptions = require("azure.core.exceptions", "azure-core")
        with (
            provider_errors("DeleteBlob", f"delete {request.what}"),
            contextlib.suppress(exceptions.ResourceNotFoundError),
        ):
            blob.delete_blob(delete_snapshots="include")
    before = PageBlobAttributes("present", found.size, found.holds)
    return {"changed": True, "url": blob.url, "remains": [], "diff": diff_of(before, None)}


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


def _source_size(src: str, *, check_mode: bool, warn: Callable[[str], object]) -> int | None:
    if check_mode and not Path(src).exists():
        warn(f"src {src} does not exist yet, so it cannot be checked")
        return None
    return check_fixed_vhd(src)


def _clients(clients: AzureClients, request: PageBlobRequest) -> tuple[ContainerClient, BlobClient]:
    with provider_errors("GetBlobProperties", f"look up {request.what}"):
        container = clients.blobs.get_container_client(request.container)
        return container, container.get_blob_client(request.name)


def _is_complete(found: PageBlobState, request: PageBlobRequest, size: int | None) -> bool:
    """Whether the blob is ours and finished.

    :raises ConflictError: when it is not to be touched.
    """
    remedy = "give option name another value, or delete the blob with state=absent"
    if found.kind != "PageBlob":
        raise ConflictError(f"{request.what} exists and is no page blob: {remedy}")
    if found.holds is None:
        raise ConflictError(f"{request.what} exists and was not uploaded by this module: {remedy}")
    if found.committed is None:
        return False
    if found.committed != request.source_sha256 or (size is not None and found.size != size):
        raise ConflictError(
            f"{request.what} holds other content, made from the image with SHA-256 {found.committed}: {remedy}"
        )
    return True


def _exists(container: ContainerClient, request: PageBlobRequest) -> bool:
    with provider_errors("GetContainerProperties", f"look up container {request.container}"):
        return bool(container.exists())


def _create_container(container: ContainerClient, request: PageBlobRequest) -> None:
    def attempt() -> bool | None:
        try:
            with provider_errors("CreateContainer", f"create container {request.container}"):
                # Private: no public access is asked for.
                container.create_container()
        except ProviderError as error:
            # Azure takes half a minute and more to delete one.
            if error.code == "ContainerBeingDeleted" and request.wait.enabled:
                return None
            if error.code != "ContainerAlreadyExists":
                raise
        return True

    request.wait.until(attempt, what=f"the old container {request.container} to be gone")


def _run(upload: PageUpload, found: PageBlobState | None, *, resume: bool) -> int:
    """As :meth:`PageUpload.run`, once more when another run has removed the blob, since it needs it no longer."""
    try:
        return upload.run(found, resume=resume)
    except ProviderError as error:
        if error.code != GONE:
            raise
    return upload.run(None, resume=False)


def _result(
    blob: BlobClient, request: PageBlobRequest, size: int | None, *, changed: bool, **more: Any
) -> dict[str, Any]:
    return {
        "changed": changed,
        "url": blob.url,
        "container": request.container,
        "name": request.name,
        "size": size,
        "source_sha256": request.source_sha256,
        "resumed": False,
        "uploaded_bytes": 0,
        **more,
    }
