# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that launch, tag and terminate an instance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from .._core.dependencies import require
from .._core.errors import InputError, ProviderError
from .clients import OciClients
from .errors import provider_errors, tells_of_no_capacity
from .instance_request import OciInstanceRequest
from .instance_shape import LaunchShape
from .instance_state import MACHINE_KEY, OciInstanceState, instances_of, read_instance
from .work_request import failure_of, work_request_of

# How many of a day's launches can have been terminated and forgotten.
_TOKENS = 10


def out_of_capacity(error: ProviderError) -> bool:
    """Whether another availability domain may have what this one has not."""
    # One that does not have the shape at all says "shape VM.Standard.A1.Flex not found".
    lacks_shape = error.status == 404 and "shape" in error.message and "not found" in error.message
    return lacks_shape or tells_of_no_capacity(error.message)


def launch_domains(clients: OciClients, request: OciInstanceRequest) -> Sequence[str]:
    """The availability domains to try, in this order.

    :raises InputError: when the subnet cannot have what is asked for.
    """
    if request.subnet_id is None:
        raise InputError("subnet_id is missing: Oracle Cloud has no default network to launch an instance in")
    with provider_errors("GetSubnet", f"read subnet {request.subnet_id}"):
        subnet = clients.virtual_network.get_subnet(request.subnet_id).data
        of_subnet, private = subnet.availability_domain, subnet.prohibit_public_ip_on_vnic
    if private and request.assign_public_ip:
        raise InputError(f"assign_public_ip is true, but subnet {request.subnet_id} allows no public addresses")
    asked = request.availability_domain
    if of_subnet and asked and of_subnet != asked:
        raise InputError(f"availability_domain is {asked}, but subnet {request.subnet_id} is in {of_subnet}")
    if asked or of_subnet:
        return [asked or of_subnet]
    with provider_errors("ListAvailabilityDomains", "list the availability domains"):
        domains = clients.identity.list_availability_domains(request.compartment_id).data
        return [domain.name for domain in domains]


def launch_instance(
    clients: OciClients, request: OciInstanceRequest, shape: LaunchShape, domains: Sequence[str]
) -> tuple[OciInstanceState, bool]:
    """Launch it in the first domain that has room.

    :return: the instance, and whether it was launched here; false when another run was faster.
    :raises ProviderError: when it is refused, does not come up, or no domain has room.
    """
    full: dict[str, ProviderError] = {}
    for domain in domains:
        known = instances_of(clients, request.compartment_id, request.name)
        other = next((instance for instance in known if not instance.ended), None)
        if other is not None:
            return other, False
        try:
            return _launch_in(clients, request, shape, domain, known)
        except ProviderError as error:
            if not out_of_capacity(error):
                raise
            full[domain] = error
    last = list(full.values())[-1]
    raise ProviderError(
        f"Could not launch instance {request.name}: no room for shape {shape.name} in {', '.join(full)} "
        f"({last.message.rstrip('.')}). Choose another shape or region, or try again later",
        operation=last.operation,
        code=last.code,
        status=last.status,
        details=last.details,
    )


def _launch_in(
    clients: OciClients, request: OciInstanceRequest, shape: LaunchShape, domain: str, known: list[OciInstanceState]
) -> tuple[OciInstanceState, bool]:
    details = _details(request, shape, domain)
    for attempt in range(_TOKENS):
        try:
            with provider_errors("LaunchInstance", f"launch instance {request.name} in {domain}"):
                response = clients.compute.launch_instance(
                    details,
                    opc_retry_token=_retry_token(request, domain, known, attempt),
                    retry_strategy=clients.launch_retry_strategy,
                )
                launched = OciInstanceState.of(response.data)
        except ProviderError as error:
            if error.code != "InvalidatedRetryToken":
                raise
            # Of another run, with other options, or of an instance that has ended since.
            now = instances_of(clients, request.compartment_id, request.name)
            other = next((instance for instance in now if not instance.ended), None)
            if other is not None:
                return other, False
            continue
        # What the token stands for has ended, or somebody has taken it over.
        if launched.ended or launched.managed.freeform_tags.get(MACHINE_KEY) != request.name:
            continue
        if request.wait.enabled:
            launched = await_running(clients, request, launched, response.headers.get("opc-work-request-id"))
        return launched, True
    raise ProviderError(
        f"Could not launch instance {request.name}: its last {_TOKENS} launches of today have been terminated, and "
        "Oracle Cloud remembers them. Choose another name",
        operation="LaunchInstance",
    )


def _details(request: OciInstanceRequest, shape: LaunchShape, domain: str) -> Any:
    models = require("oci.core.models", "oci")
    config = None
    if shape.flexible:
        config = models.LaunchInstanceShapeConfigDetails(ocpus=shape.ocpus, memory_in_gbs=shape.memory_in_gbs)
    return models.LaunchInstanceDetails(
        availability_domain=domain,
        compartment_id=request.compartment_id,
        display_name=request.name,
        freeform_tags=request.freeform_tags,
        shape=shape.name,
        shape_config=config,
        source_details=models.InstanceSourceViaImageDetails(
            image_id=request.image_id, boot_volume_size_in_gbs=request.boot_volume_size_in_gbs
        ),
        create_vnic_details=models.CreateVnicDetails(
            subnet_id=request.subnet_id,
            assign_public_ip=request.assign_public_ip,
            nsg_ids=list(request.nsg_ids),
            freeform_tags=request.freeform_tags,
        ),
        # Tiny Cloud and cloud-init speak version 2 of the metadata service.
        instance_options=models.InstanceOptions(are_legacy_imds_endpoints_disabled=True),
        metadata=request.metadata(),
    )


def _retry_token(request: OciInstanceRequest, domain: str, known: list[OciInstanceState], attempt: int) -> str:
    """The same for all that launch the instance after those that have ended, so that one of them launches it."""
    ended = ",".join(sorted(instance.id for instance in known))
    parts = (request.compartment_id, request.name, domain, ended, str(attempt))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def await_running(
    clients: OciClients, request: OciInstanceRequest, instance: OciInstanceState, work_request_id: str | None = None
) -> OciInstanceState:
    """Wait until it runs.

    :param work_request_id: of its launch; looked up when it is needed and not known.
    :raises ProviderError: when it does not come up, with the reason that the work request has.
    """

    def settled() -> OciInstanceState | None:
        current = read_instance(clients, instance.id)
        if current is not None and current.starting:
            return None
        if current is not None and current.running:
            return current
        code, reason = failure_of(
            clients, work_request_id or work_request_of(clients, instance.compartment_id, instance.id)
        )
        raise ProviderError(
            f"Instance {request.name} has not come up, it is {current.state if current else 'gone'}: {reason}",
            operation="LaunchInstance",
            code=code,
            details={"instance_id": instance.id},
        )

    return request.wait.until(settled, what=f"instance {request.name} to run")


def set_instance_tags(clients: OciClients, instance: OciInstanceState, tags: dict[str, str]) -> None:
    models = require("oci.core.models", "oci")
    with provider_errors("UpdateInstance", f"tag instance {instance.managed.name}"):
        clients.compute.update_instance(instance.id, models.UpdateInstanceDetails(freeform_tags=tags))


def terminate_instance(clients: OciClients, instance: OciInstanceState) -> None:
    """Terminate an instance, with its boot volume."""
    try:
        with provider_errors("TerminateInstance", f"terminate instance {instance.managed.name}"):
            clients.compute.terminate_instance(instance.id, preserve_boot_volume=False)
    except ProviderError as error:
        if error.status != 404:
            raise


def await_end(clients: OciClients, request: OciInstanceRequest, instance: OciInstanceState) -> None:
    def check() -> bool | None:
        current = read_instance(clients, instance.id)
        return True if current is None or current.gone else None

    request.wait.until(check, what=f"instance {request.name} to be terminated")
