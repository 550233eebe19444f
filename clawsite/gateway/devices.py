"""The proof of a device: its id is the hash of its key, and it has signed this very handshake with that key.

Values only; which devices are let in is `pairing`. Checks come in the order in which clients expect their answers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from clawsite.gateway.hello import Auth, ConnectParams, Device, Refusal
from clawsite.rpc import codes

SIGNED_WITHIN_MS = 120_000
KEY_BYTES, SIGNATURE_BYTES = 32, 64


def check_device(params: ConnectParams, device: Device, *, nonce: str) -> None:
    """Raise Refusal unless the client holds the key of the device that it says it is."""
    key = _decode(device.public_key, KEY_BYTES)
    if key is None:
        raise _refuse("PUBLIC_KEY_INVALID", "device public key is invalid")
    if device.id != hashlib.sha256(key).hexdigest():
        raise _refuse("DEVICE_ID_MISMATCH", "device id does not match its public key")
    if abs(time.time() * 1000 - device.signed_at) > SIGNED_WITHIN_MS:
        raise _refuse("SIGNATURE_EXPIRED", "device signature expired")
    if not (device.nonce or "").strip():
        raise _refuse("NONCE_REQUIRED", "device nonce required")
    if device.nonce != nonce:
        raise _refuse("NONCE_MISMATCH", "device nonce mismatch")
    if not _is_signed(params, device, key):
        raise _refuse("SIGNATURE_INVALID", "device signature invalid")


def signed_strings(params: ConnectParams, device: Device) -> tuple[str, str]:
    """Return what a device signs, as today's clients do it and as older ones did."""
    auth = params.auth or Auth()
    parts = [
        device.id,
        params.client.id,
        params.client.mode,
        params.role,
        ",".join(params.scopes or ()),
        str(device.signed_at),
        auth.token or auth.device_token or auth.bootstrap_token or "",
        device.nonce or "",
    ]
    newer = [_plain(params.client.platform), _plain(params.client.device_family or "")]
    return "|".join(["v3", *parts, *newer]), "|".join(["v2", *parts])


def _is_signed(params: ConnectParams, device: Device, key: bytes) -> bool:
    signature = _decode(device.signature, SIGNATURE_BYTES)
    return signature is not None and any(
        _fits(key, signature, text.encode()) for text in signed_strings(params, device)
    )


def _fits(key: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _plain(text: str) -> str:
    """Trim, and lower the ASCII letters alone, as clients do."""
    return "".join(char.lower() if char.isascii() else char for char in text.strip())


def _decode(text: str, size: int) -> bytes | None:
    """Return so many bytes of base64url without padding, or None."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size else None


def _refuse(reason: str, text: str) -> Refusal:
    details = {"code": f"DEVICE_AUTH_{reason}", "reason": reason.lower().replace("_", "-")}
    return Refusal(codes.INVALID_REQUEST, text, details=details)
