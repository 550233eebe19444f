"""Deploy keys and host keys: read by OpenSSH itself, and known by the same fingerprints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from clawsite.core.errors import BadInput
from runbooks.workspaces.sync.keys import fingerprint, make_key, read_host_keys


def test_openssh_reads_a_key_as_we_do(tmp_path: Path) -> None:
    made = make_key("app")
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(made.private)
    command = ["ssh-keygen", "-y", "-f", str(path)]
    public = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(path)], capture_output=True, text=True, check=True, timeout=20
    ).stdout

    assert public.split()[:2] == made.public.split()[:2]
    assert made.public.endswith(" clawsite-app")
    assert fingerprint(made.public) in told
    assert "PRIVATE" not in repr(made)


def test_each_key_is_another_one() -> None:
    assert make_key("app").public != make_key("app").public


def test_host_keys_are_read_from_a_scan() -> None:
    one = " ".join(make_key("host").public.split()[:2])
    text = f"# host:22 SSH-2.0\n[host]:22 {one}\n[host]:22 ssh-dss AAAA\nnonsense\n[host]:22 ssh-rsa !!!!\n"

    assert read_host_keys(text) == (one,)
    assert read_host_keys("") == ()


OF_ANOTHER_KIND = pytest.param("ssh-rsa " + make_key("x").public.split()[1], id="of another kind")


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 AAAA", OF_ANOTHER_KIND])
def test_what_is_no_key_has_no_fingerprint(key: str) -> None:
    with pytest.raises(BadInput):
        fingerprint(key)
