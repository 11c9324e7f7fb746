# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Downloading and verifying an image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alpine_image_download
short_description: Download an Alpine Linux cloud image and verify it
version_added: "0.1.0"
description:
  - Downloads an image from the first of several mirrors that has it, and verifies its SHA-512 and its OpenPGP
    signature. With O(src), verifies an image that is already there.
  - Images are kept in a work directory under their SHA-512, so the next run downloads nothing. An image gets its name
    there only after it has been verified. Several runs at once wait for each other.
  - What an interrupted download has brought is kept, and the next run, or the next mirror, continues there.
  - A downloaded file that fails verification is put aside as C(*.rejected). Nothing else is renamed or removed.
author:
  - The alpine.cloud authors (@alpine-cloud)
extends_documentation_fragment:
  - alpine.cloud._attributes
  - alpine.cloud._http
attributes:
  check_mode:
    support: full
    details:
      - Digest, signature and key are read, but nothing of the image, and nothing is written.
      - RV(size) and RV(sha256) are V(null) before the image is there.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - GnuPG 2.1 or newer (C(gpg)), unless O(verify_signature=off)
options:
  url:
    description:
      - The URLs of the image, on one or more mirrors. Each is tried when those before it have failed.
      - The file in the work directory is named as in the first.
    type: list
    elements: str
  src:
    description: The path of an image to verify on the host where the module runs, instead of O(url).
    type: path
  sha512:
    description:
      - The SHA-512 of the image. It is read from O(sha512_url) when not given.
    type: str
  sha512_url:
    description:
      - The URLs of a file that holds the SHA-512 of the image, alone or as C(sha512sum) prints it.
      - The default is each O(url) with C(.sha512) added; with O(src), the local file C({src}.sha512).
    type: list
    elements: str
  verify_signature:
    description:
      - What to do about the image's OpenPGP signature. The SHA-512 is verified in any case.
      - With V(require) the image must have a good one.
      - With V(prefer) a warning suffices where none can be checked, as when there is none, no key can be had, the key
        has expired or C(gpg) is missing. One that is there and is wrong fails nevertheless.
      - With V(off) none is looked for.
      - The default is V(require), since the SHA-512 that a mirror publishes next to its own copy of the image does not
        tell who made it. Where O(sha512) is given, but neither O(key) nor O(signature_url), it is V(off), since then
        the image is exactly the one that you have chosen.
    type: str
    choices: [require, prefer, "off"]
  signature_url:
    description:
      - The URLs of the image's detached signature.
      - The default is each O(url) with C(.asc) added; with O(src), the local file C({src}.asc).
    type: list
    elements: str
  key:
    description:
      - The signer's public key, as ASCII-armored text or as the path of a file.
      - When not given, it is fetched from O(key_url), once, and kept in the work directory. It is fetched again when
        the kept one has expired or lacks the subkey that has made a signature.
    type: str
  fingerprint:
    description:
      - The fingerprint of the signer's primary key. No other key is accepted, wherever it comes from.
      - The default is that of the key that has signed Alpine's cloud images up to release 3.24.
    type: str
    default: F26ADFADBAE702EF7AF637459DA7EF23BFFCDF22
  key_url:
    description: Where the key is fetched from when O(key) is not given.
    type: str
    default: https://alpinelinux.org/keys/tomalok.asc
  work_dir:
    description:
      - The directory where images and the key are kept. It is made when needed.
      - The default is C(alpine.cloud) in E(XDG_CACHE_HOME), or in C(~/.cache) when that is not set.
    type: path
  wait_timeout:
    description: How long to wait for another run that downloads the same image, in seconds.
    type: int
    default: 3600
seealso:
  - module: alpine.cloud.alpine_image_info
  - module: alpine.cloud.alpine_image_inspect
"""

EXAMPLES = r"""
- name: Download an image
  alpine.cloud.alpine_image_download:
    url:
      - https://dl-cdn.alpinelinux.org/alpine/v3.24/releases/cloud/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
  register: image

- name: Download it from a mirror in the company, with Alpine's as the second choice and a key that you have
  alpine.cloud.alpine_image_download:
    url:
      - https://mirror.example.com/alpine/v3.24/releases/cloud/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
      - https://dl-cdn.alpinelinux.org/alpine/v3.24/releases/cloud/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
    key: files/tomalok.asc
    ca_file: /etc/ssl/certs/company.pem

- name: Download an image of your own, which nobody has signed
  alpine.cloud.alpine_image_download:
    url: [https://images.example.com/alpine-3.24.2-x86_64-tiny-r0.qcow2]
    sha512: "{{ lookup('ansible.builtin.file', 'files/alpine-3.24.2-x86_64-tiny-r0.qcow2.sha512') }}"

- name: Verify an image that is already there, by the files .sha512 and .asc next to it
  alpine.cloud.alpine_image_download:
    src: images/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
"""

RETURN = r"""
path:
  description: The image.
  returned: success
  type: str
  sample: /home/me/.cache/alpine.cloud/downloads/c9504d23…/alpine-3.24.2-x86_64-cloudinit-r2.qcow2
size:
  description: Its size in bytes.
  returned: success
  type: int
  sample: 110886912
sha512:
  description: Its SHA-512.
  returned: success
  type: str
sha256:
  description: Its SHA-256, by which the other modules know it again.
  returned: success
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
verified:
  description: What has been verified.
  returned: success
  type: dict
  contains:
    checksum:
      description: Whether the file has the SHA-512; V(false) only in check mode, when there is no file yet.
      type: bool
    signature:
      description: Whether the owner of the key has signed it.
      type: bool
    fingerprint:
      description: The fingerprint of that key.
      type: str
  sample:
    checksum: true
    signature: true
    fingerprint: F26ADFADBAE702EF7AF637459DA7EF23BFFCDF22
metadata:
  description:
    - What Alpine says of the image, a YAML file next to it. It is downloaded together with the image, from where that
      is, under its name with the extension C(.yaml).
    - V(null) where there is none. Nothing depends on it, and it is not verified.
  returned: success
  type: str
url:
  description: The URL that the image has come from, or V(null) when nothing was downloaded.
  returned: success
  type: str
resumed:
  description: Whether a download that had been interrupted was continued.
  returned: success
  type: bool
downloaded_bytes:
  description: How much of the image has come over the network.
  returned: success
  type: int
  sample: 110886912
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.module import run_module
from ..module_utils._official.download import DownloadRequest
from ..module_utils._official.http import HTTP_ARGUMENT_SPEC
from ..module_utils._official.local_image import LocalImageRequest
from ..module_utils._official.signature_check import SIGNATURE_MODES
from ..module_utils._official.signing_key import ALPINE_FINGERPRINT, ALPINE_KEY_URL


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "list", "elements": "str"},
            "src": {"type": "path"},
            "sha512": {"type": "str"},
            "sha512_url": {"type": "list", "elements": "str"},
            "verify_signature": {"type": "str", "choices": list(SIGNATURE_MODES)},
            "signature_url": {"type": "list", "elements": "str"},
            # Public keys, so nothing to hide.
            "key": {"type": "str", "no_log": False},
            "fingerprint": {"type": "str", "default": ALPINE_FINGERPRINT},
            "key_url": {"type": "str", "default": ALPINE_KEY_URL, "no_log": False},
            "work_dir": {"type": "path"},
            "wait_timeout": {"type": "int", "default": 3600},
            **HTTP_ARGUMENT_SPEC,
        },
        mutually_exclusive=[("url", "src")],
        required_one_of=[("url", "src")],
        supports_check_mode=True,
    )

    def operation() -> dict[str, Any]:
        request = DownloadRequest if module.params["src"] is None else LocalImageRequest
        return request.from_params(module.params).run(check_mode=module.check_mode, warn=module.warn)

    run_module(module, operation)


if __name__ == "__main__":
    main()
