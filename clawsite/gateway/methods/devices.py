"""device.pair.*: devices that ask to be let in, and those that are known, as the protocol's clients manage them.

Who holds `operator.pairing` may let a device have what this connection has itself, also over an admin's token: clients
that ask for this scope alone connect once more with `operator.admin` when they are told "approval denied".
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.gateway.approvals import decider
from clawsite.gateway.errors import GatewayError
from clawsite.gateway.keeper import connections
from clawsite.gateway.paired import describe_device, find_device, list_devices, remove_device, rename_device
from clawsite.gateway.pairing import approve_device, deny_device, find_request
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.models import GatewayDevice
from clawsite.rpc import codes

ORIGIN = "gateway"
DeviceId = Annotated[str, Meta(min_length=1, max_length=64)]


class Request(Params):
    """A request, as device.pair.list and device.pair.requested have it."""

    request_id: Annotated[str, Meta(min_length=1, max_length=36)]


class One(Params):
    """A device."""

    device_id: DeviceId


class Rename(Params):
    """A device and the name by which people know it."""

    device_id: DeviceId
    label: Annotated[str, Meta(min_length=1, max_length=64)]


@method("device.pair.list", scope=Scope.PAIRING, summary="Devices that ask, that were let in and that are blocked.")
async def list_(call: Call, params: Params) -> dict[str, Any]:
    """Return them, each newest first."""
    return await run_db(list_devices, {each.device_id for each in connections()})


@method("device.pair.approve", scope=Scope.PAIRING, params=Request, summary="Give a device what it asks for.")
async def approve(call: Call, params: Request) -> dict[str, Any]:
    """Return the device as it is known now."""
    return await run_tx(_approve, call.principal, params.request_id)


def _approve(principal: Principal, request: str) -> dict[str, Any]:
    _check_waits(request)
    row = approve_device(request, actor=decider(principal), holding=principal.scopes, origin=ORIGIN)
    return {"requestId": request, "device": describe_device(row, set())}


@method("device.pair.reject", scope=Scope.PAIRING, params=Request, summary="Do not give a device what it asks for.")
async def reject(call: Call, params: Request) -> dict[str, Any]:
    """Return which device that was. One that was never let in is blocked; another keeps what it has."""
    return await run_tx(_reject, call.principal, params.request_id)


def _reject(principal: Principal, request: str) -> dict[str, Any]:
    _check_waits(request)
    row = deny_device(request, actor=decider(principal), holding=principal.scopes, origin=ORIGIN)
    return {"requestId": request, "deviceId": row.device_id}


@method(
    "device.pair.remove",
    scope=Scope.PAIRING,
    params=One,
    summary="Forget a device, as an admin; its connections close.",
)
async def remove(call: Call, params: One) -> dict[str, Any]:
    """Return which device that was."""
    return await run_tx(_remove, call.principal, params.device_id)


def _remove(principal: Principal, device_id: str) -> dict[str, Any]:
    remove_device(_get(device_id), actor=decider(principal), origin=ORIGIN)
    return {"deviceId": device_id}


@method("device.pair.rename", scope=Scope.PAIRING, params=Rename, summary="Give a device another name, as an admin.")
async def rename(call: Call, params: Rename) -> dict[str, Any]:
    """Return the device's name."""
    return await run_tx(_rename, call.principal, params)


def _rename(principal: Principal, params: Rename) -> dict[str, Any]:
    row = _get(params.device_id)
    rename_device(row, params.label, actor=decider(principal), origin=ORIGIN)
    return {"deviceId": row.device_id, "label": row.name}


def _check_waits(request: str) -> None:
    """Refuse a request that nobody makes, in the words that clients look for."""
    if find_request(request) is None:
        raise GatewayError(codes.INVALID_REQUEST, "unknown requestId")


def _get(device_id: str) -> GatewayDevice:
    row = find_device(device_id)
    if row is None:
        raise GatewayError(codes.INVALID_REQUEST, "unknown deviceId")
    return row
