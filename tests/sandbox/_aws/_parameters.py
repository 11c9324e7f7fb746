# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters of a request to EC2, compared with botocore's description of the service."""

from __future__ import annotations

import datetime
import functools
from typing import Any
from urllib.parse import parse_qsl

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator


class Refusal(Exception):
    """An error status with the provider's code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@functools.cache
def _service_model(service: str) -> ServiceModel:
    """The description of a service in botocore."""
    return botocore.session.Session().get_service_model(service)


def check_ec2_parameters(body: bytes) -> None:
    """:raises Refusal: as EC2 does, on unknown, missing and malformed parameters."""
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    action = form.pop("Action", "")
    version = form.pop("Version", None)
    model = _service_model("ec2")
    if action not in model.operation_names:
        raise Refusal(400, "InvalidAction", f"The action {action} is not valid for this web service.")
    if version != model.api_version:
        raise Refusal(400, "InvalidParameterValue", f"No such API version: {version}")
    _check_parameters(model.operation_model(action), form)


def _check_parameters(operation: OperationModel, form: dict[str, str]) -> None:
    used: set[str] = set()
    shape = operation.input_shape
    parameters: Any = _take(shape, "", form, used) if shape else {}
    unknown = sorted(set(form) - used)
    if unknown:
        raise Refusal(400, "UnknownParameter", f"The parameter {unknown[0].split('.')[0]} is not recognized")
    if shape is None:
        return
    report = ParamValidator().validate(parameters or {}, shape)
    if report.has_errors():
        text = report.generate_report()
        code = "MissingParameter" if "Missing required parameter" in text else "InvalidParameterValue"
        raise Refusal(400, code, text)
    _check_enums(shape, parameters or {})


def _wire_name(name: str, member: Shape) -> str:
    wire = member.serialization.get("queryName") or member.serialization.get("name") or name
    return str(wire[0].upper() + wire[1:])


def _take(shape: Shape, prefix: str, form: dict[str, str], used: set[str]) -> Any:
    """The value of ``shape`` under ``prefix`` in an EC2 query, or ``None``; notes the keys that it used."""
    if isinstance(shape, StructureShape):
        found = {}
        for name, member in shape.members.items():
            key = f"{prefix}.{_wire_name(name, member)}" if prefix else _wire_name(name, member)
            value = _take(member, key, form, used)
            if value is not None:
                found[name] = value
        return found or None
    if isinstance(shape, ListShape):
        items: list[Any] = []
        while True:
            value = _take(shape.member, f"{prefix}.{len(items) + 1}", form, used)
            if value is None:
                return items or None
            items.append(value)
    if prefix not in form:
        return None
    used.add(prefix)
    return _scalar(shape, prefix, form[prefix])


def _scalar(shape: Shape, key: str, text: str) -> Any:
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "double" | "float":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}[text]
            case "timestamp":
                return datetime.datetime.fromisoformat(text)
    except (ValueError, KeyError):
        message = f"Value ({text}) for parameter {key} is invalid. {text!r} is not a valid {shape.type_name}."
        raise Refusal(400, "InvalidParameterValue", message) from None
    return text


def _check_enums(shape: Shape, value: Any) -> None:
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            _check_enums(shape.members[name], item)
    elif isinstance(shape, ListShape):
        for item in value:
            _check_enums(shape.member, item)
    else:
        choices = shape.metadata.get("enum")
        if choices and value not in choices:
            message = f"Value ({value}) for parameter {shape.name} is invalid. Valid values: {', '.join(choices)}"
            raise Refusal(400, "InvalidParameterValue", message)
