# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.rest import HttpRequest
from azure.mgmt.compute import models

from ansible_collections.alpine.cloud.plugins.module_utils._azure.serial_log import SerialLog
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ProviderError
from tests.unit.plugins.module_utils._azure.fakes import arm_error

URL = "https://logs.example/alpine-1.log?sv=1&sr=b&sp=r&se=2026&sig=SECRET{}"


@dataclasses.dataclass
class Blob:
    status_code: int
    content: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


class Case:
    """A log, what storage answers one time after the other, and how often Azure was asked for a URL."""

    def __init__(self, *answers: Blob | Exception) -> None:
        self.virtual_machines = self
        self.answers = list(answers)
        self.requests: list[HttpRequest] = []
        self.urls: list[tuple[str, ...]] = []
        self.error: Exception | None = None
        fake: Any = self
        self.log = SerialLog(fake, fake, ("machines", "alpine-1"))

    def retrieve_boot_diagnostics_data(self, *path: str) -> models.RetrieveBootDiagnosticsDataResult:
        self.urls.append(path)
        if self.error:
            raise self.error
        found = URL.format(len(self.urls))
        return models.RetrieveBootDiagnosticsDataResult({"serialConsoleLogBlobUri": found})

    def send_request(self, request: HttpRequest) -> Blob:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_it_is_read_without_credentials_and_its_url_is_kept() -> None:
    case = Case(Blob(404), Blob(200, b"hello"), Blob(200, b"hello\nworld"))
    assert [case.log.read() for _number in range(3)] == [b"", b"hello", b"hello\nworld"]
    assert case.urls == [("machines", "alpine-1")]
    assert [request.url for request in case.requests] == [URL.format(1)] * 3
    assert not case.requests[0].headers


def test_an_expired_url_is_asked_for_again_once() -> None:
    case = Case(Blob(200, b"hello"), Blob(403), Blob(200, b"world"))
    assert [case.log.read(), case.log.read()] == [b"hello", b"world"]
    assert case.requests[-1].url == URL.format(2)
    refused = Case(Blob(403, headers={"x-ms-error-code": "AuthenticationFailed"}))
    with pytest.raises(ProviderError, match="storage of boot diagnostics answers 403 AuthenticationFailed") as caught:
        refused.log.read()
    assert (caught.value.status, caught.value.code) == (403, "AuthenticationFailed")
    assert len(refused.urls) == 1


def test_what_azure_refuses_is_told() -> None:
    case = Case()
    case.error = arm_error(409, "OperationNotAllowed", "Boot diagnostics is not enabled.")
    with pytest.raises(ProviderError, match="Cannot find the serial log of alpine-1: OperationNotAllowed") as caught:
        case.log.read()
    assert caught.value.status == 409


def test_the_signature_is_shown_to_nobody() -> None:
    case = Case(ServiceRequestError(f"Max retries exceeded with url: {URL.format('')}"))
    with pytest.raises(ProviderError, match="Cannot read the serial log of alpine-1") as caught:
        case.log.read()
    assert "SECRET" not in caught.value.message
    with pytest.raises(ProviderError) as caught:
        Case(Blob(500)).log.read()
    assert "SECRET" not in caught.value.message
