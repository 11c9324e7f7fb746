# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape that an instance is launched with: one that the image is compatible with, and that the region offers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._core.errors import InputError
from .image_shapes import DEFAULT_SHAPES, ImageShapeState, Range, is_alias, shape_architecture
from .instance_request import OciInstanceRequest

if TYPE_CHECKING:
    from oci.core.models import Shape

_LISTED = 6


@dataclasses.dataclass(frozen=True)
class LaunchShape:
    """A shape with what an instance has of it."""

    name: str
    ocpus: float | None
    """``None`` where it is not known before the launch."""
    memory_in_gbs: float | None
    """Likewise."""
    flexible: bool


def unchecked_shape(request: OciInstanceRequest) -> LaunchShape:
    """What is likely to be launched, in check mode before there is an image."""
    name = request.shape or DEFAULT_SHAPES[request.architecture][0]
    return LaunchShape(name, request.ocpus, request.memory_in_gbs, flexible=name.endswith(".Flex"))


def launch_shape(
    request: OciInstanceRequest, compatible: Mapping[str, ImageShapeState], offered: Mapping[str, Shape]
) -> LaunchShape:
    """The shape that was asked for, or the first default one, at its smallest where nothing else was asked for.

    :param compatible: the shapes that the image says it is compatible with, by name.
    :param offered: the shapes of ListShapes, by name.
    :raises InputError: when the image, the region or the shape do not have what is asked for.
    """
    name = request.shape or _default(request, compatible, offered)
    if name not in compatible:
        raise InputError(
            f"shape {name}: image {request.image_id} is not compatible with it, but with {_some(compatible)}. Choose "
            "one of these, or add it to the image (module alpine_oci_image_shapes)"
        )
    if name not in offered:
        raise InputError(f"shape {name} is not offered in this region and compartment")
    shape = offered[name]
    architecture = shape_architecture(name, shape.processor_description)
    if architecture != request.architecture:
        raise InputError(f"shape {name} is {architecture}, but architecture is {request.architecture}")
    whole = ImageShapeState.whole(shape)
    if whole.ocpus is None or whole.memory_in_gbs is None:
        if request.ocpus is not None or request.memory_in_gbs is not None:
            raise InputError(f"shape {name} is not flexible, so it takes neither ocpus nor memory_in_gbs")
        return LaunchShape(name, shape.ocpus, shape.memory_in_gbs, flexible=False)
    ocpu_range = compatible[name].ocpus or whole.ocpus
    ocpus = ocpu_range[0] if request.ocpus is None else request.ocpus
    _check_range("ocpus", name, ocpus, ocpu_range)
    memory_range = _memory_range(shape, ocpus, compatible[name].memory_in_gbs or whole.memory_in_gbs)
    memory = memory_range[0] if request.memory_in_gbs is None else request.memory_in_gbs
    _check_range("memory_in_gbs", name, memory, memory_range)
    return LaunchShape(name, float(ocpus), float(memory), flexible=True)


def _default(
    request: OciInstanceRequest, compatible: Mapping[str, ImageShapeState], offered: Mapping[str, Shape]
) -> str:
    defaults = DEFAULT_SHAPES[request.architecture]
    for name in defaults:
        # Whole servers cost what nobody expects of a default.
        if name.startswith("VM.") and name in compatible and name in offered:
            return name
    raise InputError(
        f"shape must be given: image {request.image_id} is compatible with {_some(compatible)}, and of the shapes that "
        f"are tried by default, {', '.join(defaults)}, there is none that is offered here as well"
    )


def _some(compatible: Mapping[str, ImageShapeState]) -> str:
    names = sorted(name for name in compatible if not is_alias(name))
    more = ["…"] if len(names) > _LISTED else []
    return ", ".join(names[:_LISTED] + more) or "no shape"


def _memory_range(shape: Shape, ocpus: float, allowed: Range) -> tuple[float, float]:
    options = shape.memory_options
    return (
        max(allowed[0], ocpus * (options.min_per_ocpu_in_gbs or 0)),
        min(allowed[1], ocpus * (options.max_per_ocpu_in_gbs or allowed[1])),
    )


def _check_range(option: str, shape: str, value: float, allowed: tuple[float, float]) -> None:
    low, high = allowed
    if not low <= value <= high:
        raise InputError(
            f"{option} is {value:g}, but an instance of this image with shape {shape} has {low:g} to {high:g}"
        )
