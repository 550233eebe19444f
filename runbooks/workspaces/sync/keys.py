"""Keys of ssh: the deploy key that is made here, and the keys by which hosts are known.

A deploy key belongs to one project and is never shared: whoever loses it loses one repository. Its private part is a
text that goes into an encrypted column and from there only into the private folder of one exchange (`door`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from clawsite.core.crypto import SecretText
from clawsite.core.errors import BadInput

KINDS = frozenset({"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"})


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployKey:
    """A pair of keys as OpenSSH writes them."""

    private: SecretText
    public: str


def make_key(name: str) -> DeployKey:
    """Make an Ed25519 pair; the name stands behind the public key, where the forge shows it."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
    return DeployKey(private=SecretText(private), public=f"{public} clawsite-{name}")


def read_host_keys(text: str) -> tuple[str, ...]:
    """Return the keys in what ssh-keyscan wrote, as `kind base64`, sorted; lines that are none are left out."""
    found = set()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and not line.startswith("#") and _is_key(words[1], words[2]):
            found.add(f"{words[1]} {words[2]}")
    return tuple(sorted(found))


def _is_key(kind: str, blob: str) -> bool:
    try:
        return kind in KINDS and bool(fingerprint(f"{kind} {blob}"))
    except BadInput:
        return False


def fingerprint(key: str) -> str:
    """Return the fingerprint of a public key as ssh and forges show it: SHA256:..."""
    kind, _, rest = key.partition(" ")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("This is no public key.") from None
    if not kind or blob[4 : 4 + len(kind)] != kind.encode():
        raise BadInput("This is no public key.")
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
    return f"SHA256:{digest}"
