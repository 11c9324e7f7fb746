# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the sandbox's Oracle Cloud, as no SDK would send them."""

from __future__ import annotations

import time
from typing import Any

import oci
import requests
import yaml

from tests.support.sandboxes import RunningSandbox

BUCKET = "strict"
"""Of the tests that look at Object Storage itself."""


class Oracle:
    """Signed requests to the sandbox, without the SDK's own checks."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        variables = yaml.safe_load(sandbox.vars_file.read_text())
        self.config = oci.config.from_file(variables["alpine_oci_config_file_location"])
        self.compartment: str = variables["alpine_oci_compartment_id"]
        self.compute = variables["alpine_oci_iaas_endpoint"] + "/20160918"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = variables["alpine_oci_ca_file"]
        self.signer = oci.signer.Signer.from_config(self.config)
        storage = variables["alpine_oci_object_storage_endpoint"]
        self.namespace = self.session.get(f"{storage}/n", auth=self.signer).json()
        self.bucket = f"{storage}/n/{self.namespace}/b/{BUCKET}"
        self.buckets = f"{storage}/n/{self.namespace}/b"
        self.put_signer = self.signer.without_content_headers

    def call(self, method: str, url: str, **arguments: Any) -> requests.Response:
        signer = self.put_signer if method == "PUT" and "data" in arguments else self.signer
        return self.session.request(method, url, auth=arguments.pop("auth", signer), **arguments)

    def put_object(self, name: str, data: bytes, **headers: str) -> requests.Response:
        return self.call("PUT", f"{self.bucket}/o/{name}", data=data, headers=headers)

    def image_body(self, object_name: str = "small.qcow2", **changes: Any) -> dict[str, Any]:
        source = {
            "sourceType": "objectStorageTuple",
            "namespaceName": self.namespace,
            "bucketName": BUCKET,
            "objectName": object_name,
            "sourceImageType": "QCOW2",
        }
        body = {"compartmentId": self.compartment, "displayName": "strict", "imageSourceDetails": source}
        return body | {"launchMode": "PARAVIRTUALIZED"} | changes

    def create_image(self, body: dict[str, Any]) -> requests.Response:
        return self.call("POST", f"{self.compute}/images", json=body)

    def import_image(self, object_name: str = "small.qcow2", **changes: Any) -> tuple[dict[str, Any], str]:
        """Import to the end; returns the image, and the reason if it failed."""
        response = self.create_image(self.image_body(object_name, **changes))
        assert response.status_code == 200, response.text
        work_request = f"{self.compute}/workRequests/{response.headers['opc-work-request-id']}"
        seen = set()
        while (details := self.call("GET", work_request).json())["status"] in ("ACCEPTED", "IN_PROGRESS"):
            seen.add(details["percentComplete"])
            time.sleep(0.05)
        assert len(seen) > 1
        errors = self.call("GET", f"{work_request}/errors").json()
        image = self.call("GET", f"{self.compute}/images/{response.json()['id']}").json()
        return image, "".join(error["message"] for error in errors)

    def compute_json(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What Compute answers, which must not be an error."""
        response = self.call(method, self.compute + path, **({} if body is None else {"json": body}))
        assert response.ok, response.text
        return response.json() if response.content else None
