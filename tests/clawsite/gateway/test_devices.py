"""Devices prove their key, and wait for an admin unless they come straight from this machine."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clawsite.core.db import run_db
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent
from clawsite.gateway.devices import check_device
from clawsite.gateway.hello import ConnectParams, Refusal
from clawsite.gateway.pairing import Ask, admit_device, approve_device, block_device, deny_device
from clawsite.gateway.principal import Scope
from clawsite.models import GatewayDevice
from guardrails.types import Actor, Role
from tests.clawsite.gateway.seat import Gateway, Refused, connect_params
from tests.clawsite.management.running import run

ADMIN = Actor(subject="user:1", role=Role.ADMIN, name="Alice")
BOB = Actor(subject="user:2", role=Role.OPERATOR, name="Bob")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Phone:
    """A device with a key."""

    def __init__(self, seed: int = 1) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self.key.public_key().public_bytes_raw()
        self.id = hashlib.sha256(self.public).hexdigest()

    def params(
        self,
        nonce: str,
        *,
        token: str = "t",
        version: str = "v3",
        scopes: tuple[str, ...] = ("operator.read",),
        device: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return parameters of connect with a proof."""
        client = {"id": "ios", "version": "1", "platform": " Darwin ", "mode": "ui", "deviceFamily": "iPhone"}
        signed_at = round(time.time() * 1000)
        parts = [self.id, "ios", "ui", "operator", ",".join(scopes), str(signed_at), token, nonce]
        text = "|".join([version, *parts, *(["darwin", "iphone"] if version == "v3" else [])])
        proof = {
            "id": self.id,
            "publicKey": b64(self.public),
            "signature": b64(self.key.sign(text.encode())),
            "signedAt": signed_at,
            "nonce": nonce,
        }
        return connect_params(token, client=client, scopes=list(scopes), device=proof | (device or {}))


def parse(params: dict[str, Any]) -> ConnectParams:
    return msgspec.convert(params, ConnectParams)


@pytest.mark.parametrize("version", ["v3", "v2"])
def test_a_proof_is_accepted(version: str) -> None:
    params = parse(Phone().params("n1", version=version))
    assert params.device is not None
    check_device(params, params.device, nonce="n1")


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"publicKey": "short"}, "DEVICE_AUTH_PUBLIC_KEY_INVALID"),
        ({"publicKey": "?" * 43}, "DEVICE_AUTH_PUBLIC_KEY_INVALID"),
        ({"id": "0" * 64}, "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ({"id": "0" * 64, "signedAt": 1}, "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ({"signedAt": 1, "nonce": ""}, "DEVICE_AUTH_SIGNATURE_EXPIRED"),
        ({"nonce": " ", "signature": "x"}, "DEVICE_AUTH_NONCE_REQUIRED"),
        ({"nonce": "other", "signature": "x"}, "DEVICE_AUTH_NONCE_MISMATCH"),
        ({"signature": b64(b"x" * 64)}, "DEVICE_AUTH_SIGNATURE_INVALID"),
        ({"signature": "not base64!"}, "DEVICE_AUTH_SIGNATURE_INVALID"),
    ],
)
def test_a_wrong_proof_is_refused_in_order(over: dict[str, Any], code: str) -> None:
    params = parse(Phone().params("n1", device=over))
    assert params.device is not None
    with pytest.raises(Refusal) as refused:
        check_device(params, params.device, nonce="n1")
    assert refused.value.shape.details["code"] == code


@pytest.mark.parametrize("changed", ["scopes", "role", "auth"])
def test_what_was_signed_cannot_be_changed(changed: str) -> None:
    given = Phone().params("n1")
    given |= {"scopes": ["operator.admin"]} if changed == "scopes" else {}
    given |= {"role": "node"} if changed == "role" else {}
    given |= {"auth": {"token": "stolen"}} if changed == "auth" else {}
    params = parse(given)
    assert params.device is not None
    with pytest.raises(Refusal, match="signature invalid"):
        check_device(params, params.device, nonce="n1")


# --- pairing ----------------------------------------------------------------------------------------------------
def ask(*scopes: Scope, local: bool = False, seed: int = 1) -> Ask:
    params = parse(Phone(seed).params("n1"))
    assert params.device is not None
    return Ask(params=params, device=params.device, scopes=frozenset(scopes), address="192.0.2.7", local=local)


def refused(asked: Ask) -> dict[str, Any]:
    with pytest.raises(Refusal) as error:
        admit_device(asked)
    shape = error.value.shape
    assert (shape.code, shape.details["code"]) == ("NOT_PAIRED", "PAIRING_REQUIRED")
    assert shape.message.startswith("pairing required")
    details: dict[str, Any] = shape.details
    return details


@pytest.mark.django_db(transaction=True)
def test_a_device_from_elsewhere_waits_for_an_admin() -> None:
    first = refused(ask(Scope.READ))
    assert (first["reason"], first["pauseReconnect"], first["recommendedNextStep"]) == (
        "not-paired", False, "wait_then_retry",
    )  # fmt: skip
    assert refused(ask(Scope.READ))["requestId"] == first["requestId"]
    with pytest.raises(NotAllowed):
        approve_device(first["pairingCode"], actor=BOB)
    with pytest.raises(BadInput):
        approve_device("AAAA-AAAA", actor=ADMIN)
    approve_device(first["pairingCode"], actor=ADMIN)
    admit_device(ask(Scope.READ))
    more = refused(ask(Scope.READ, Scope.WRITE))
    assert (more["reason"], more["approvedScopes"]) == ("scope-upgrade", ["operator.read"])
    admit_device(ask(Scope.READ))
    deny_device(more["requestId"], actor=ADMIN)
    admit_device(ask(Scope.READ))
    assert list(AuditEvent.objects.values_list("action", "actor")) == [
        ("device.deny", "user:1"), ("device.approve", "user:1"),
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_denied_or_blocked_device_stays_out_even_on_this_machine() -> None:
    deny_device(refused(ask(Scope.READ))["pairingCode"], actor=ADMIN)
    outside = refused(ask(Scope.READ, local=True))
    assert (outside["reason"], outside["pauseReconnect"]) == ("denied", True)
    admit_device(ask(Scope.READ, local=True, seed=2))
    block_device(GatewayDevice.objects.get(state="approved"), actor=ADMIN)
    assert refused(ask(Scope.READ, local=True, seed=2))["reason"] == "denied"


@pytest.mark.django_db(transaction=True)
def test_the_command_line_decides_devices_too(monkeypatch: pytest.MonkeyPatch) -> None:
    code = refused(ask(Scope.READ))["pairingCode"]
    assert code in run(monkeypatch, "pair", "list").text
    assert "may call the gateway" in run(monkeypatch, "pair", "approve", code).text
    assert GatewayDevice.objects.get().state == "approved"
    assert "unknown, used or too old" in run(monkeypatch, "pair", "deny", code).error


async def test_on_this_machine_a_new_device_is_paired_silently(gateway: Gateway) -> None:
    phone = Phone()
    async with gateway.client() as alice, gateway.socket() as client:
        nonce = (await client.event("connect.challenge"))["payload"]["nonce"]
        params = phone.params(nonce, token=gateway.env_token)
        await client.say(type="req", id="c", method="connect", params=params)
        assert (await client.response("c"))["payload"]["auth"]["scopes"] == ["operator.read"]
        device = await run_db(GatewayDevice.objects.get)
        assert (device.device_id, device.state, device.scopes) == (phone.id, "approved", ["operator.read"])
        await run_db(lambda: block_device(device, actor=ADMIN))
        assert await client.closed(timeout=3) == (4001, "device access changed")
        told = await alice.event("device.pair.resolved")
        assert (told["payload"]["deviceId"], told["payload"]["decision"]) == (phone.id, "blocked")


async def test_through_a_proxy_a_new_device_asks(gateway: Gateway) -> None:
    phone = Phone()
    async with gateway.client() as alice, gateway.socket(additional_headers={"X-Forwarded-For": "192.0.2.9"}) as client:
        nonce = (await client.event("connect.challenge"))["payload"]["nonce"]
        await client.say(type="req", id="c", method="connect", params=phone.params(nonce, token=gateway.env_token))
        answer = await client.response("c")
        assert answer["error"]["code"] == "NOT_PAIRED"
        assert (await client.closed())[0] == 1008
        told = await alice.event("device.pair.requested")
        assert told["payload"]["requestId"] == answer["error"]["details"]["requestId"]


async def test_a_replayed_proof_is_refused(gateway: Gateway) -> None:
    phone = Phone()
    async with gateway.socket() as client:
        await client.event("connect.challenge")
        await client.say(type="req", id="c", method="connect", params=phone.params("old", token=gateway.env_token))
        answer = await client.response("c")
        assert answer["error"]["details"]["code"] == "DEVICE_AUTH_NONCE_MISMATCH"
        assert (await client.closed())[0] == 1008
    assert not await run_db(GatewayDevice.objects.exists)
    with pytest.raises(Refused):
        raise Refused(answer["error"])
