# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mirror answers.

``/alpine`` is a mirror as it should be; ``/{condition}/alpine`` the same with one thing different, see ``CONDITIONS``.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from flask import Flask, Response, abort, request, send_file
from werkzeug.wrappers import Request

from tests.sandbox._mirror._images import image_parts
from tests.sandbox._mirror._pages import Entry, PageMaker, apache, lighttpd, nginx
from tests.sandbox._mirror._signing import Signers
from tests.sandbox._request_log import Operation

CONDITIONS = {
    "apache": "listings look as Apache's",
    "lighttpd": "listings look as lighttpd's",
    "empty": "there are no images",
    "lagging": "the newest release is missing",
    "sha512sum": "checksums are in the form of sha512sum",
    "wrong-sha512": "checksums are of other files",
    "no-sha512": "there are no checksums",
    "corrupt": "one byte of each image is different",
    "truncated": "images are a quarter shorter",
    "unsigned": "there are no signatures",
    "wrong-signature": "signatures are of other files",
    "other-signature": "signatures are by a key that nobody trusts",
    "expired-signature": "signatures are by a key that has expired since",
    "no-ranges": "answers are always the whole file",
    "changing": "files change between any two requests",
    "slow": "files come at 1 MiB a second",
}
_NEWEST_RELEASE = "3.24.2"
_LATEST_BRANCH = "3.24"
_ENDS_OF_LIFE = {
    "3.24": "2028-05-01", "3.23": "2027-11-01", "3.22": "2027-05-01", "3.21": "2026-11-01", "3.20": "2026-04-01",
}  # fmt: skip
_RELEASES = {"3.24": 3, "3.23": 7, "3.22": 2, "3.21": 6, "3.20": 9}
_SLOW_BYTES_PER_SECOND = 1 << 20
_OPERATIONS = (
    (".sha512", "GetChecksum"),
    (".asc", "GetSignature"),
    (".yaml", "GetMetadata"),
    ("/releases.json", "GetReleases"),
    ("/", "GetListing"),
)


def classify(incoming: Request) -> Operation:
    name = next((name for end, name in _OPERATIONS if incoming.path.endswith(end)), "GetFile")
    if incoming.path.startswith("/keys/"):
        name = "GetKey"
    return Operation("mirror", name, write=incoming.method not in ("GET", "HEAD"))


def error_body(_operation: Operation, status: int) -> tuple[str, bytes]:
    return "text/html", f"<html>\r\n<head><title>{status}</title></head>\r\n</html>\r\n".encode()


def releases_json() -> dict[str, Any]:
    """As at https://alpinelinux.org/releases.json, with the fields that say something of releases."""
    branches: list[dict[str, Any]] = [{"rel_branch": "edge", "git_branch": "master", "arches": ["aarch64", "x86_64"]}]
    for version, end_of_life in _ENDS_OF_LIFE.items():
        branches.append(
            {
                "rel_branch": f"v{version}",
                "git_branch": f"{version}-stable",
                "arches": ["aarch64", "x86_64"],
                "eol_date": end_of_life,
                "releases": [{"version": f"{version}.{patch}"} for patch in reversed(range(_RELEASES[version]))],
            }
        )
    return {"latest_stable": f"v{_LATEST_BRANCH}", "architectures": ["aarch64", "x86_64"], "release_branches": branches}


class Site:
    """The mirror's files, under all conditions."""

    def __init__(self, images: Mapping[str, Path], signers: Signers, directory: Path) -> None:
        self._images = images
        self._signers = signers
        self._directory = directory
        self._signatures: dict[tuple[Path, str], bytes] = {}
        self._digests: dict[Path, str] = {}
        self._lock = threading.Lock()
        self._changes = itertools.count()
        self.app = Flask("mirror")
        self.app.get("/releases.json")(releases_json_answer)
        self.app.get("/keys/<key>.asc")(self._key)
        for prefix in ("", "/<condition>"):
            self.app.get(f"{prefix}/alpine/<branch>/releases/cloud/")(self._listing)
            self.app.get(f"{prefix}/alpine/<branch>/releases/cloud/<name>")(self._file)

    def _key(self, key: str) -> Response:
        if key not in self._signers.public_keys:
            abort(404)
        return Response(self._signers.public_keys[key], mimetype="application/pgp-keys")

    def _listing(self, branch: str, condition: str = "") -> Response:
        files = self._files(branch, condition)
        if not files:
            abort(404)
        page: PageMaker = {"apache": apache, "lighttpd": lighttpd}.get(condition, nginx)
        entries = [
            Entry(name, self._size(name, image, condition), datetime.datetime.fromtimestamp(image.stat().st_mtime))
            for name, image in sorted(files.items())
        ]
        return Response(page(request.path, [] if condition == "empty" else entries), mimetype="text/html")

    def _files(self, branch: str, condition: str) -> dict[str, Path]:
        """What is in a branch's directory: each name with the image that it belongs to."""
        if condition and condition not in CONDITIONS:
            abort(404)
        version = _LATEST_BRANCH if branch == "latest-stable" else branch.removeprefix("v")
        files = {}
        for name, image in self._images.items():
            release = image_parts(name)["release"]
            if not release.startswith(f"{version}.") or (condition == "lagging" and release == _NEWEST_RELEASE):
                continue
            files[name] = image
            if condition != "no-sha512":
                files[f"{name}.sha512"] = image
            if condition != "unsigned":
                files[f"{name}.asc"] = image
            files[f"{_stem(name)}.yaml"] = files[f"{_stem(name)}.yaml.sha512"] = image
        return files

    def _size(self, name: str, image: Path, condition: str) -> int:
        content = self._content(name, image, condition)
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def _file(self, branch: str, name: str, condition: str = "") -> Response:
        image = self._files(branch, condition).get(name)
        if image is None or condition == "empty":
            abort(404)
        content = self._content(name, image, condition)
        if isinstance(content, bytes):
            return Response(content, mimetype="text/plain")
        status = content.stat()
        etag = f"{int(status.st_mtime):x}-{status.st_size:x}"
        response = send_file(
            content,
            mimetype="application/octet-stream",
            etag=f"{etag}-{next(self._changes)}" if condition == "changing" else etag,
            conditional=condition != "no-ranges",
        )
        if condition == "slow" and response.status_code < 300:
            # send_file's answers are iterated as bytes.
            response.response = _paced(response.iter_encoded())
            response.direct_passthrough = False
        return response

    def _content(self, name: str, image: Path, condition: str) -> bytes | Path:
        if name.endswith(".yaml"):
            return _metadata(name.removesuffix(".yaml"))
        if name.endswith(".yaml.sha512"):
            return hashlib.sha512(_metadata(name.removesuffix(".yaml.sha512"))).hexdigest().encode() + b"\n"
        if name.endswith(".sha512"):
            digest = self._digest(image)
            if condition == "wrong-sha512":
                digest = hashlib.sha512(digest.encode()).hexdigest()
            # Alpine's own are bare digests.
            return f"{digest}  {image.name}\n".encode() if condition == "sha512sum" else f"{digest}\n".encode()
        if name.endswith(".asc"):
            return self._signature(image, condition)
        if condition in ("corrupt", "truncated"):
            return self._spoilt(image, condition)
        return image

    def _digest(self, image: Path) -> str:
        if image not in self._digests:
            with image.open("rb") as file:
                self._digests[image] = hashlib.file_digest(file, "sha512").hexdigest()
        return self._digests[image]

    def _signature(self, image: Path, condition: str) -> bytes:
        key = (
            condition.removesuffix("-signature") if condition in ("other-signature", "expired-signature") else "signer"
        )
        if condition == "wrong-signature":
            image = next(other for other in self._images.values() if other != image)
        if (image, key) not in self._signatures:
            self._signatures[image, key] = self._signers.sign(image, key)
        return self._signatures[image, key]

    def _spoilt(self, image: Path, condition: str) -> Path:
        path = self._directory / condition / image.name
        with self._lock:
            if not path.exists():
                content = bytearray(image.read_bytes())
                if condition == "truncated":
                    del content[len(content) * 3 // 4 :]
                else:
                    content[len(content) // 2] ^= 0xFF
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
        return path


def releases_json_answer() -> Response:
    return Response(json.dumps(releases_json()), mimetype="application/json")


def _paced(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        time.sleep(len(chunk) / _SLOW_BYTES_PER_SECOND)
        yield chunk


def _stem(name: str) -> str:
    return re.sub(r"\.(raw\.tar\.gz|[a-z0-9]+)$", "", name)


def _metadata(stem: str) -> bytes:
    """What Alpine says of an image, in either schema: since 3.24.2 there is no cloud but a list, and no firmware."""
    parts = image_parts(stem)
    version = parts["release"].rpartition(".")[0]
    document: dict[str, Any] = {
        "arch": parts["arch"],
        "bootstrap": parts["bootstrap"],
        "description": f"Alpine Linux {parts['release']} {parts['arch']} {parts['bootstrap']}",
        "end_of_life": _ENDS_OF_LIFE.get(version, "2030-01-01"),
        "name": stem,
        "project": "https://alpinelinux.org/cloud",
        "release": parts["release"],
        "revision": int(parts["revision"]),
        "version": version,
    }
    if parts["firmware"]:
        cloud = parts["cloud"] or "generic"
        document |= {
            "cloud": cloud,
            "firmware": parts["firmware"],
            "image_key": f"{version}-{parts['arch']}-{parts['firmware']}-{parts['bootstrap']}-{cloud}",
            "built": "2026-06-16T10:00:00.000000",
        }
    else:
        document |= {
            "clouds": ["aws", "azure", "gcp", "generic", "nocloud", "oci"],
            "end_of_life": datetime.date.fromisoformat(document["end_of_life"]),
            "machine": "metal" if parts["machine"] else "vm",
        }
    return yaml.safe_dump(document).encode()
