# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates request bodies against the models of azure-mgmt-compute, the published description of the API."""

from __future__ import annotations

import datetime
import enum
import functools
import types
import typing
from typing import Any

from azure.mgmt.compute import models
from azure.mgmt.compute.models import _models

from tests.sandbox._azure._errors import ArmError, invalid_parameter

MODELS: dict[str, type] = {
    "Gallery": models.Gallery,
    "GalleryUpdate": models.GalleryUpdate,
    "GalleryImage": models.GalleryImage,
    "GalleryImageUpdate": models.GalleryImageUpdate,
    "GalleryImageVersion": models.GalleryImageVersion,
    "GalleryImageVersionUpdate": models.GalleryImageVersionUpdate,
    "VirtualMachine": models.VirtualMachine,
    "VirtualMachineUpdate": models.VirtualMachineUpdate,
}

_INCOMPLETE = (models.VirtualMachineSizeTypes,)
"""The enumerations that the description itself says to be out of date; the sizes that there are have their own list."""


@functools.cache
def _hints(model: type) -> dict[str, Any]:
    return typing.get_type_hints(model, vars(_models), {"_models": models})


def validate(model_name: str, body: Any, *, target: str, partial: bool = False) -> dict[str, Any]:
    """Return ``body`` without its read-only properties.

    :param model_name: a key of ``MODELS``.
    :param target: how the service names the resource in messages, such as ``galleryImage``.
    :param partial: whether required properties may be missing (PATCH).
    :raises ArmError: for unknown properties, wrong types, values outside an enumeration, missing properties,
        and tags that Azure does not allow.
    """
    if not isinstance(body, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    checked = _object(MODELS[model_name], body, path="", target=target, partial=partial)
    _check_tags(checked.get("tags") or {})
    return checked


def _check_tags(tags: dict[str, str]) -> None:
    """Which codes Azure has for these is a guess."""
    if len(tags) > 50:
        raise ArmError(400, "TooManyTags", f"The resource has {len(tags)} tags, but 50 are allowed at most.")
    if len({name.lower() for name in tags}) < len(tags):
        raise ArmError(400, "AmbiguousTagNames", "The names of tags differ in case alone.")
    for name, value in tags.items():
        if not 1 <= len(name) <= 512 or set(name) & set("<>%&\\?/"):
            raise ArmError(400, "InvalidTagNameCharacters", f"The tag name '{name}' is not allowed.")
        if len(value) > 256:
            raise ArmError(400, "InvalidTagValueLength", f"The value of tag '{name}' is longer than 256 characters.")


def _object(model: type, body: dict[str, Any], *, path: str, target: str, partial: bool) -> dict[str, Any]:
    fields = {field._rest_name: (name, field) for name, field in _rest_fields(model).items()}
    hints = _hints(model)
    result: dict[str, Any] = {}
    for key, value in body.items():
        where = f"{path}.{key}".lstrip(".")
        if key not in fields:
            raise ArmError(
                400,
                "InvalidRequestContent",
                "The request content was invalid and could not be deserialized: 'Could not find member "
                f"'{key}' on object of type '{model.__name__}'. Path '{where}'.'.",
            )
        name, field = fields[key]
        if field._visibility == ["read"]:
            continue
        result[key] = _value(hints[name], value, path=where, target=target, partial=partial)
    for key, (name, field) in fields.items():
        if not partial and result.get(key) is None and not _optional(hints[name]) and field._visibility != ["read"]:
            where = f"{target}.{path}.{key}".replace("..", ".")
            if key == "location":
                raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
            raise invalid_parameter(f"Required parameter '{where}' is missing (null).", where)
    return result


def _rest_fields(model: type) -> dict[str, Any]:
    # Filled when the first instance is made, for the class itself and its bases.
    model()
    fields: dict[str, Any] = model._attr_to_rest_field  # type: ignore[attr-defined]
    return fields


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _value(hint: Any, value: Any, *, path: str, target: str, partial: bool) -> Any:
    if value is None:
        return None
    origin = typing.get_origin(hint)
    arguments = [argument for argument in typing.get_args(hint) if argument is not types.NoneType]
    if origin in (typing.Union, types.UnionType):
        enums = [argument for argument in arguments if isinstance(argument, type) and issubclass(argument, enum.Enum)]
        if enums:
            allowed = [member.value for member in enums[0]]
            if value not in allowed and enums[0] not in _INCOMPLETE:
                raise invalid_parameter(
                    f"The value '{value}' of parameter '{target}.{path}' is not allowed. Allowed values are: "
                    f"{', '.join(allowed)}.",
                    f"{target}.{path}",
                )
            return value
        return _value(arguments[0], value, path=path, target=target, partial=partial)
    if origin is list:
        _expect(isinstance(value, list), value, "array", path)
        return [
            _value(arguments[0], item, path=f"{path}[{index}]", target=target, partial=False)
            for index, item in enumerate(value)
        ]
    if origin is dict:
        _expect(isinstance(value, dict), value, "object", path)
        return {
            key: _value(arguments[1], item, path=f"{path}.{key}", target=target, partial=False)
            for key, item in value.items()
        }
    return _scalar_or_object(hint, value, path=path, target=target, partial=partial)


def _scalar_or_object(hint: Any, value: Any, *, path: str, target: str, partial: bool) -> Any:
    if hint is datetime.datetime:
        _expect(isinstance(value, str), value, "date-time", path)
        try:
            parsed = datetime.datetime.fromisoformat(value)
        except ValueError:
            parsed = None
        _expect(parsed is not None and parsed.tzinfo is not None, value, "date-time", path)
        return value
    if hint in (str, bool):
        _expect(isinstance(value, hint), value, hint.__name__, path)
        return value
    if hint is int:
        _expect(isinstance(value, int) and not isinstance(value, bool), value, "int", path)
        return value
    _expect(isinstance(value, dict), value, hint.__name__, path)
    return _object(hint, value, path=path, target=target, partial=partial)


def _expect(condition: bool, value: Any, kind: str, path: str) -> None:
    if not condition:
        raise ArmError(
            400,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: 'Error converting value "
            f"{value!r} to type \"{kind}\". Path '{path}'.'.",
        )
