# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox's operations of EC2 have in common: the state, tags, client tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from tests.sandbox._aws._resources import State


class EC2Requests(EC2Response):
    """One request; moto calls the operation's method, whose name is that of the operation in snake case."""

    state: ClassVar[State]

    def _tags_for(self, resource_type: str, *, allowed: list[str]) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = []
        for specification in self._get_param("TagSpecifications", []):
            if specification.get("ResourceType") not in allowed:
                message = (
                    f"'{specification.get('ResourceType')}' is not a valid taggable resource type for this operation."
                )
                raise EC2ClientError("InvalidParameterValue", message)
            if specification["ResourceType"] == resource_type:
                tags += specification.get("Tags", [])
        keys = [tag["Key"] for tag in tags]
        if len(set(keys)) != len(keys):
            raise EC2ClientError("InvalidParameterValue", "Duplicate tag key specified.")
        self._check_keys(keys)
        if len(keys) > 50:
            raise EC2ClientError("TagLimitExceeded", "You have reached the maximum number of tags.")
        return tags

    def create_tags(self) -> ActionResult:
        self._check_keys(tag["Key"] for tag in self._get_param("Tags", []))
        return super().create_tags()

    @staticmethod
    def _check_keys(keys: Iterable[str]) -> None:
        for key in keys:
            if key.lower().startswith("aws:"):
                message = "Tag keys starting with 'aws:' are reserved for internal use"
                raise EC2ClientError("InvalidParameterValue", message)

    def _description(self) -> str | None:
        """That of an image."""
        description: str | None = self._get_param("Description")
        if description is not None and (len(description) > 255 or not description.isascii()):
            message = "Invalid description: at most 255 characters of standard ASCII are allowed"
            raise EC2ClientError("InvalidParameterValue", message)
        return description

    def _idempotent(self, operation: str, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Answer a repeated client token with the first result."""
        token = self._get_param("ClientToken")
        if token is None:
            return action()
        mismatch = EC2ClientError("IdempotentParameterMismatch", "The client token was used with other parameters.")
        key = (operation, self.region, token)
        with self.state.lock:
            return dict(self.state.tokens.answer(key, dict(self.params), action, misused=mismatch))
