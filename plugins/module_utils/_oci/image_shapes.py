# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes that an image says it is compatible with.

An import lists x86 virtual machine shapes, whatever the image is.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import InputError, ProviderError
from .clients import OciClients
from .errors import gone_is_fine, provider_errors

if TYPE_CHECKING:
    from oci.core.models import ImageShapeCompatibilitySummary, Shape

DEFAULT_SHAPES = {
    "x86_64": ("VM.Standard.E4.Flex", "VM.Standard.E5.Flex", "VM.Standard.E6.Flex", "VM.Standard3.Flex"),
    "aarch64": (
        "VM.Standard.A1.Flex",
        "VM.Standard.A2.Flex",
        "VM.Standard.A4.Flex",
        "BM.Standard.A1.160",
        "BM.Standard.A4.48",
    ),
}
"""By architecture: what a region offers of these is added."""

# GPU shapes such as BM.GPU.A10.4 are x86; those with NVIDIA's Grace are not.
_ARM_NAME = re.compile(r"(VM|BM)\.Standard\.A\d+\.|(VM|BM)\.GPU\.GB\d+", re.IGNORECASE)
_ARM_PROCESSOR = re.compile(r"\b(Ampere|Arm|Grace)", re.IGNORECASE)

Range = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class ImageShapeState:
    """A shape that an image is compatible with. The ranges bound a flexible shape."""

    name: str
    ocpus: Range | None = None
    memory_in_gbs: Range | None = None

    def as_result(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ocpu_constraints": {"min": self.ocpus[0], "max": self.ocpus[1]} if self.ocpus else None,
            "memory_constraints": (
                {"min_in_gbs": self.memory_in_gbs[0], "max_in_gbs": self.memory_in_gbs[1]}
                if self.memory_in_gbs
                else None
            ),
        }

    @classmethod
    def of(cls, entry: ImageShapeCompatibilitySummary) -> ImageShapeState:
        ocpus, memory = entry.ocpu_constraints, entry.memory_constraints
        return cls(
            name=entry.shape,
            ocpus=(ocpus.min, ocpus.max) if ocpus and ocpus.min is not None else None,
            memory_in_gbs=(memory.min_in_gbs, memory.max_in_gbs) if memory and memory.min_in_gbs is not None else None,
        )

    @classmethod
    def whole(cls, shape: Shape) -> ImageShapeState:
        """All that a shape of ListShapes can have."""
        ocpus, memory = shape.ocpu_options, shape.memory_options
        return cls(
            name=shape.shape,
            ocpus=(int(ocpus.min), int(ocpus.max)) if ocpus else None,
            memory_in_gbs=(int(memory.min_in_g_bs), int(memory.max_in_g_bs)) if memory else None,
        )


@dataclasses.dataclass(frozen=True)
class ImageShapesPlan:
    """What has to be done.

    An entry whose constraints differ stands in both lists, since adding it alone would keep the old ones.
    """

    remove: tuple[str, ...]
    add: tuple[ImageShapeState, ...]

    @property
    def replaced(self) -> set[str]:
        return {entry.name for entry in self.add} & set(self.remove)


def shape_architecture(name: str, processor: str | None = None) -> str:
    """The architecture of a shape, ``x86_64`` or ``aarch64``.

    :param processor: what ListShapes says of its processor, such as ``3.0 GHz Ampere® Altra™``.
    """
    if _ARM_NAME.match(name) or (processor and _ARM_PROCESSOR.search(processor)):
        return "aarch64"
    return "x86_64"


def is_alias(name: str) -> bool:
    """Whether Oracle itself adds and removes this entry: adding one overwrites the constraints of others."""
    return name.endswith(".Generic")


def wanted_entries(
    requested: Iterable[Mapping[str, Any]] | None,
    architecture: str,
    offered: Mapping[str, Shape],
    current: Iterable[ImageShapeState] = (),
) -> list[ImageShapeState]:
    """The entries that an image is to have; constraints that are not asked for stay as they are.

    :param requested: option ``shapes``; ``None`` for the default shapes that the region offers.
    :param offered: the shapes of ListShapes, by name.
    :param current: the entries that the image has.
    :raises InputError: when a requested shape is unknown, an alias or of another architecture.
    """
    held = {entry.name: entry for entry in current}
    if requested is None:
        names = [name for name in DEFAULT_SHAPES[architecture] if name in offered]
        return [_kept(ImageShapeState.whole(offered[name]), held.get(name)) for name in names]
    entries = []
    for request in requested:
        name = request["name"]
        if is_alias(name):
            raise InputError(f"shapes: {name} is an alias that Oracle Cloud manages by itself: leave it out")
        if name not in offered:
            raise InputError(f"shapes: {name} is not offered in this region and compartment")
        shape = offered[name]
        found = shape_architecture(name, shape.processor_description)
        if found != architecture:
            raise InputError(f"shapes: {name} is {found}, but architecture is {architecture}")
        entries.append(_with_constraints(ImageShapeState.whole(shape), held.get(name), request))
    return entries


def _kept(whole: ImageShapeState, held: ImageShapeState | None) -> ImageShapeState:
    """The entry with the constraints that it has, or else with all that the shape can have."""
    if held is None:
        return whole
    return ImageShapeState(whole.name, held.ocpus or whole.ocpus, held.memory_in_gbs or whole.memory_in_gbs)


def _with_constraints(
    entry: ImageShapeState, held: ImageShapeState | None, request: Mapping[str, Any]
) -> ImageShapeState:
    ocpus, memory = request.get("ocpu_constraints"), request.get("memory_constraints")
    if (ocpus or memory) and entry.ocpus is None:
        raise InputError(f"shapes: {entry.name} is not flexible, so it takes no constraints")
    kept = _kept(entry, held)
    if ocpus:
        kept = dataclasses.replace(kept, ocpus=_narrowed(entry, "ocpu_constraints", entry.ocpus, ocpus, "min", "max"))
    if memory:
        narrowed = _narrowed(entry, "memory_constraints", entry.memory_in_gbs, memory, "min_in_gbs", "max_in_gbs")
        kept = dataclasses.replace(kept, memory_in_gbs=narrowed)
    return kept


def _narrowed(
    entry: ImageShapeState, option: str, whole: Range | None, request: Mapping[str, Any], low: str, high: str
) -> Range | None:
    if whole is None:
        return whole
    lower = whole[0] if request[low] is None else request[low]
    upper = whole[1] if request[high] is None else request[high]
    if not whole[0] <= lower <= upper <= whole[1]:
        raise InputError(
            f"shapes: {option} of {entry.name} is {lower} to {upper}, but the shape has {whole[0]} to {whole[1]}"
        )
    return (lower, upper)


def plan(
    current: Iterable[ImageShapeState],
    wanted: Iterable[ImageShapeState],
    *,
    architecture: str,
    processors: Mapping[str, str | None],
    purge: bool,
) -> ImageShapesPlan:
    """Decide what to remove and what to add.

    :param processors: of the shapes that ListShapes knows.
    :param purge: remove entries that are not wanted, even of the right architecture.
    """
    now = {entry.name: entry for entry in current}
    goal = {entry.name: entry for entry in wanted}
    add = tuple(entry for entry in goal.values() if now.get(entry.name) != entry)
    changed = [entry.name for entry in add if entry.name in now]
    foreign = [
        name
        for name in now
        if name not in goal
        and not is_alias(name)
        and (purge or shape_architecture(name, processors.get(name)) != architecture)
    ]
    return ImageShapesPlan(remove=tuple(changed + foreign), add=add)


@dataclasses.dataclass(frozen=True)
class ImageShapesRequest:
    """What the options ask for."""

    image_id: str | None
    """``None`` before an import, in check mode only."""
    compartment_id: str
    architecture: str
    shapes: list[Mapping[str, Any]] | None
    """``None`` for the default shapes that the region offers."""
    purge: bool

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ImageShapesRequest:
        return cls(
            image_id=params["image_id"] or None,
            compartment_id=params["compartment_id"],
            architecture=params["architecture"],
            shapes=params["shapes"],
            purge=params["purge"],
        )


def ensure_present(clients: OciClients, request: ImageShapesRequest, *, check_mode: bool) -> dict[str, Any]:
    """Make the image compatible with the wanted shapes, and with none of another architecture.

    :raises InputError: when a shape cannot be had.
    :raises ProviderError: when the shapes do not read back as asked for.
    """
    if request.image_id is None and not check_mode:
        raise InputError("image_id is needed: it is empty in check mode only, before an import")
    offered = offered_shapes(clients, request.compartment_id)
    current = shapes_of_image(clients, request.image_id) if request.image_id else []
    changes = plan(
        current,
        wanted_entries(request.shapes, request.architecture, offered, current),
        architecture=request.architecture,
        processors={name: shape.processor_description for name, shape in offered.items()},
        purge=request.purge,
    )
    replaced = changes.replaced
    removed = [name for name in changes.remove if name not in replaced]
    expected = {entry.name: entry for entry in current if entry.name not in changes.remove}
    expected.update({entry.name: entry for entry in changes.add})
    changed = bool(changes.add or changes.remove)
    if changed and request.image_id and not check_mode:
        _apply(clients, request.image_id, changes)
        _check(expected, removed, shapes_of_image(clients, request.image_id))
    return {
        "changed": changed,
        "image_id": request.image_id,
        "shapes": [expected[name].as_result() for name in sorted(expected)],
        "added": sorted(entry.name for entry in changes.add if entry.name not in replaced),
        "removed": sorted(removed),
        "updated": sorted(replaced),
        "diff": diff_of(
            {entry.name: entry.as_result() for entry in current},
            {name: entry.as_result() for name, entry in expected.items()},
        ),
    }


def offered_shapes(clients: OciClients, compartment_id: str) -> dict[str, Shape]:
    """The shapes of the region, by name."""
    pagination = require("oci.pagination", "oci")
    with provider_errors("ListShapes", "list the region's shapes"):
        shapes = pagination.list_call_get_all_results(clients.compute.list_shapes, compartment_id).data
    # One row for each availability domain, in any order; where they differ, the one that has most.
    return {shape.shape: shape for shape in sorted(shapes, key=_capacity)}


def _capacity(shape: Shape) -> tuple[Range, Range]:
    entry = ImageShapeState.whole(shape)
    return entry.ocpus or (0, 0), entry.memory_in_gbs or (0, 0)


def shapes_of_image(clients: OciClients, image_id: str) -> list[ImageShapeState]:
    """The entries that an image has."""
    pagination = require("oci.pagination", "oci")
    with provider_errors("ListImageShapeCompatibilityEntries", f"list the shapes of image {image_id}"):
        entries = pagination.list_call_get_all_results(
            clients.compute.list_image_shape_compatibility_entries, image_id
        ).data
        return [ImageShapeState.of(entry) for entry in entries]


def _apply(clients: OciClients, image_id: str, changes: ImageShapesPlan) -> None:
    """Add what is new before removing what is wrong, so that the image is never without a shape."""
    for entry in changes.add:
        if entry.name in changes.replaced:
            _remove(clients, image_id, entry.name)
        _add(clients, image_id, entry)
    for name in changes.remove:
        if name not in changes.replaced:
            _remove(clients, image_id, name)


def _add(clients: OciClients, image_id: str, entry: ImageShapeState) -> None:
    models = require("oci.core.models", "oci")
    details = models.AddImageShapeCompatibilityEntryDetails()
    if entry.ocpus:
        details.ocpu_constraints = models.ImageOcpuConstraints(min=entry.ocpus[0], max=entry.ocpus[1])
    if entry.memory_in_gbs:
        details.memory_constraints = models.ImageMemoryConstraints(
            min_in_gbs=entry.memory_in_gbs[0], max_in_gbs=entry.memory_in_gbs[1]
        )
    with provider_errors("AddImageShapeCompatibilityEntry", f"add shape {entry.name} to image {image_id}"):
        clients.compute.add_image_shape_compatibility_entry(
            image_id, entry.name, add_image_shape_compatibility_entry_details=details
        )


def _remove(clients: OciClients, image_id: str, name: str) -> None:
    with (
        gone_is_fine(lambda: all(entry.name != name for entry in shapes_of_image(clients, image_id))),
        provider_errors("RemoveImageShapeCompatibilityEntry", f"remove shape {name} from image {image_id}"),
    ):
        clients.compute.remove_image_shape_compatibility_entry(image_id, name)


def _check(expected: Mapping[str, ImageShapeState], removed: Iterable[str], found: Iterable[ImageShapeState]) -> None:
    now = {entry.name: entry for entry in found}
    wrong = [name for name, entry in expected.items() if not is_alias(name) and now.get(name) != entry]
    wrong += [name for name in removed if name in now]
    if wrong:
        raise ProviderError(
            f"Oracle Cloud accepted the changes, but the image's shapes are not as asked for: {', '.join(wrong)}",
            operation="ListImageShapeCompatibilityEntries",
            details={name: now[name].as_result() if name in now else None for name in wrong},
        )
