"""Devices prove their key, and wait for an admin unless they come straight from this machine."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from clawsite.core.db import run_db
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent
from clawsite.core.nudge import NudgeListener
from clawsite.gateway.devices import check_device
from clawsite.gateway.hello import ConnectParams, Refusal
from clawsite.gateway.paired import block_device, remove_device
from clawsite.gateway.pairing import Ask, admit_device, approve_device, deny_device
from clawsite.gateway.principal import Scope, expand
from clawsite.models import GatewayDevice
from guardrails.types import Actor, Role
from tests.clawsite.gateway.seat import AT_ONCE, Client, Gateway, Line, Refused, connect_params, principal
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
async def test_a_device_that_asks_again_and_again_is_told_of_once() -> None:
    heard: list[dict[str, Any]] = []
    async with NudgeListener("test") as listener:
        listener.on("device", heard.append)
        for scopes in ([Scope.READ], [Scope.READ], [Scope.READ], [Scope.READ, Scope.WRITE]):
            last = await run_db(refused, ask(*scopes))
        await run_db(lambda: deny_device(last["pairingCode"], actor=ADMIN))
        async with asyncio.timeout(10):
            while "decision" not in (heard or [{}])[-1]:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    assert len([each for each in heard if "decision" not in each]) == 2


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


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.django_db(transaction=True)
def test_a_new_device_may_come_over_two_connections_at_once(local: bool) -> None:
    other: list[GatewayDevice] = []

    def come_first(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """Make the row, as the other connection does, when this one has seen that there is none."""
        found = execute(sql, *rest)
        if sql.startswith("SELECT") and "gatewaydevice" in sql and not other:
            row = GatewayDevice(device_id=Phone().id, public_key=b64(Phone().public))
            other.append(row)
            row.save()
        return found

    with connection.execute_wrapper(come_first):
        if local:
            admit_device(ask(Scope.READ, local=True))
        else:
            assert refused(ask(Scope.READ))["pairingCode"]
    assert GatewayDevice.objects.get().state == ("approved" if local else "pending")


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
        assert await client.closed(timeout=AT_ONCE) == (4001, "device access changed")
        told = await alice.event("device.pair.changed")
        assert (told["payload"]["deviceId"], told["payload"]["change"]) == (phone.id, "blocked")


async def say_who(client: Client, phone: Phone, token: str) -> dict[str, Any]:
    """Connect with the proof of a device and return the answer."""
    nonce = (await client.event("connect.challenge"))["payload"]["nonce"]
    await client.say(type="req", id="c", method="connect", params=phone.params(nonce, token=token))
    return await client.response("c")


async def test_through_a_proxy_a_new_device_asks_and_is_let_in_and_forgotten(gateway: Gateway) -> None:
    phone, elsewhere = Phone(), {"X-Forwarded-For": "192.0.2.9"}
    async with gateway.client() as alice:
        async with gateway.socket(additional_headers=elsewhere) as client:
            answer = await say_who(client, phone, gateway.env_token)
            assert answer["error"]["code"] == "NOT_PAIRED"
            assert (await client.closed())[0] == 1008
        asked = (await alice.event("device.pair.requested"))["payload"]
        assert asked["requestId"] == answer["error"]["details"]["requestId"]
        assert (await alice.call("device.pair.list"))["pending"] == [asked]
        charlie = await gateway.make_token("charlie", "read", "write", "approvals")
        async with gateway.client(charlie) as other:
            with pytest.raises(Refused, match=r"missing scope: operator\.pairing"):
                await other.call("device.pair.approve", requestId=asked["requestId"])
        await alice.call("device.pair.approve", requestId=asked["requestId"])
        resolved = (await alice.event("device.pair.resolved"))["payload"]
        assert (resolved["requestId"], resolved["decision"]) == (asked["requestId"], "approved")
        async with gateway.socket(additional_headers=elsewhere) as client:
            assert (await say_who(client, phone, gateway.env_token))["ok"]
            (known,) = (await alice.call("device.pair.list"))["paired"]
            assert (known["deviceId"], known["scopes"], known["connected"]) == (phone.id, ["operator.read"], True)
            assert await alice.call("device.pair.remove", deviceId=phone.id) == {"deviceId": phone.id}
            assert await client.closed(timeout=AT_ONCE) == (4001, "device access changed")


# --- device.pair.* without a socket --------------------------------------------------------------------------------
ALICE = principal("alice")
PAIRING_ALICE = replace(ALICE, scopes=frozenset({Scope.PAIRING}))
PAIRER = principal("bob", Scope.READ, Scope.PAIRING)
CHARLIE = principal("charlie", Scope.WRITE, Scope.APPROVALS)
CALLS = {
    "device.pair.list": {},
    "device.pair.approve": {"requestId": "x"},
    "device.pair.reject": {"requestId": "x"},
    "device.pair.remove": {"deviceId": "x"},
    "device.pair.rename": {"deviceId": "x", "label": "x"},
}


@pytest.mark.parametrize("method", CALLS)
async def test_charlie_learns_and_changes_nothing_about_devices(method: str) -> None:
    with pytest.raises(Refused, match=r"^FORBIDDEN: missing scope: operator\.pairing$"):
        await Line(CHARLIE).call(method, **CALLS[method])
    with pytest.raises(Refused, match=r"^INVALID_REQUEST.*nonsense"):
        await Line(ALICE).call(method, **CALLS[method], nonsense=1)


@pytest.mark.django_db(transaction=True)
async def test_what_nobody_asks_and_nobody_has_is_unknown() -> None:
    for method in ("device.pair.approve", "device.pair.reject"):
        with pytest.raises(Refused, match=r"^INVALID_REQUEST: unknown requestId$"):
            await Line(ALICE).call(method, requestId="x")
    for method in ("device.pair.remove", "device.pair.rename"):
        with pytest.raises(Refused, match=r"^INVALID_REQUEST: unknown deviceId$"):
            await Line(ALICE).call(method, **(CALLS[method] | {"deviceId": "0" * 64}))


@pytest.mark.django_db(transaction=True)
async def test_who_may_pair_gives_what_they_have_and_no_more() -> None:
    more = await run_db(refused, ask(Scope.READ, Scope.WRITE))
    less = await run_db(refused, ask(Scope.READ, seed=2))
    with pytest.raises(Refused, match=r"^FORBIDDEN: device pairing approval denied"):
        await Line(PAIRER).call("device.pair.approve", requestId=more["requestId"])
    answer = await Line(PAIRER).call("device.pair.approve", requestId=less["requestId"])
    assert answer["device"]["deviceId"] == Phone(2).id
    for method in ("device.pair.remove", "device.pair.rename"):
        with pytest.raises(Refused, match=r"^FORBIDDEN: Only an admin may do this"):
            await Line(PAIRER).call(method, **(CALLS[method] | {"deviceId": Phone(2).id}))
    await Line(PAIRER).call("device.pair.reject", requestId=more["requestId"])
    listed = await Line(PAIRER).call("device.pair.list")
    assert [[row["deviceId"] for row in listed[state]] for state in ("pending", "paired", "blocked")] == [
        [], [Phone(2).id], [Phone().id],
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
async def test_over_an_admins_token_a_connection_gives_no_more_than_it_has() -> None:
    for number, scope in enumerate((Scope.READ, Scope.ADMIN), start=1):
        asked = await run_db(refused, ask(scope, seed=number))
        for holder in (PAIRING_ALICE, CHARLIE):
            with pytest.raises(Refused, match=r"^FORBIDDEN: (device pairing approval denied|missing scope)"):
                await Line(holder).call("device.pair.approve", requestId=asked["requestId"])
        assert not await run_db(GatewayDevice.objects.filter(state="approved", device_id=Phone(number).id).exists)
        # What OpenClaw's command line does when it is told so.
        admin = replace(ALICE, scopes=expand({Scope.ADMIN}))
        answer = await Line(admin).call("device.pair.approve", requestId=asked["requestId"])
        assert scope in answer["device"]["scopes"]


@pytest.mark.django_db(transaction=True)
async def test_a_device_for_pairing_alone_does_not_give_itself_more() -> None:
    first = await run_db(refused, ask(Scope.PAIRING))
    await Line(PAIRING_ALICE).call("device.pair.approve", requestId=first["requestId"])
    more = await run_db(refused, ask(Scope.PAIRING, Scope.ADMIN))
    assert more["reason"] == "scope-upgrade"
    with pytest.raises(Refused, match=r"^FORBIDDEN: device pairing approval denied"):
        await Line(PAIRING_ALICE).call("device.pair.approve", requestId=more["requestId"])
    assert (await run_db(GatewayDevice.objects.get)).scopes == [Scope.PAIRING]


@pytest.mark.django_db(transaction=True)
async def test_an_admin_names_devices_and_lets_a_blocked_one_ask_again() -> None:
    asked = await run_db(refused, ask(Scope.READ))
    # The command line asks for this scope alone; that the token is an admin's counts.
    alice = PAIRING_ALICE
    await Line(alice).call("device.pair.reject", requestId=asked["requestId"])
    named = await Line(alice).call("device.pair.rename", deviceId=Phone().id, label=" Bob's phone ")
    assert named == {"deviceId": Phone().id, "label": "Bob's phone"}
    with pytest.raises(Refused, match="A device needs a name"):
        await Line(alice).call("device.pair.rename", deviceId=Phone().id, label="a\nb")
    assert (await run_db(refused, ask(Scope.READ)))["reason"] == "denied"
    await Line(alice).call("device.pair.remove", deviceId=Phone().id)
    assert (await run_db(refused, ask(Scope.READ)))["reason"] == "not-paired"
    actions = await run_db(lambda: list(AuditEvent.objects.values_list("action", "origin")))
    assert actions == [(f"device.{done}", "gateway") for done in ("remove", "rename", "deny")]


@pytest.mark.django_db(transaction=True)
def test_bob_removes_no_device() -> None:
    admit_device(ask(Scope.READ, local=True))
    with pytest.raises(NotAllowed):
        remove_device(GatewayDevice.objects.get(), actor=BOB)


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
