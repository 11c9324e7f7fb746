# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that send nothing: each test says which calls it expects, and what AWS answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

REGION = "eu-central-1"


class ExpectedCalls:
    """Stands in for ``AwsClients``. Requests and answers are checked against botocore's models, in the order given."""

    region = REGION

    def __init__(self) -> None:
        self._stubs: dict[tuple[str, str], tuple[Any, Stubber]] = {}

    def ec2(self, region: str | None = None) -> Any:
        return self._stub("ec2", region)[0]

    @property
    def s3(self) -> Any:
        return self._stub("s3")[0]

    @property
    def sts(self) -> Any:
        return self._stub("sts")[0]

    @staticmethod
    def checked_region(name: str, _option: str) -> str:
        return name

    def _stub(self, service: Any, region: str | None = None) -> tuple[Any, Stubber]:
        key = (service, region or self.region)
        if key not in self._stubs:
            client = boto3.client(
                service,
                region_name=key[1],
                aws_access_key_id="AKIATEST",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}),
            )
            stubber = Stubber(client)
            stubber.activate()
            self._stubs[key] = (client, stubber)
        return self._stubs[key]

    def expect(
        self, service: str, operation: str, params: Any, answer: dict[str, Any], *, region: str | None = None
    ) -> None:
        """The next call is ``operation`` with exactly ``params`` (``None``: any)."""
        self._stub(service, region)[1].add_response(operation, answer, params)

    def refuse(
        self,
        service: str,
        operation: str,
        code: str,
        message: str = "",
        *,
        status: int = 400,
        region: str | None = None,
    ) -> None:
        """The next call is ``operation``, and AWS answers it with an error."""
        self._stub(service, region)[1].add_client_error(operation, code, message, status)

    def assert_all_made(self) -> None:
        for _client, stubber in self._stubs.values():
            stubber.assert_no_pending_responses()


@pytest.fixture
def aws() -> Iterator[ExpectedCalls]:
    calls = ExpectedCalls()
    yield calls
    calls.assert_all_made()


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Whoever runs the tests: none of their settings, no credentials from the machine."""
    for name in (
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION",
        "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
