"""What git says of a failed exchange: the kind of problem, in words that hold no secret."""

from __future__ import annotations

import pytest

from runbooks.workspaces.sync.failures import read_failure, shown

TOKEN = "s3cr3t-t0ken-of-the-forge"


@pytest.mark.parametrize(
    ("err", "problem"),
    [
        ("ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.", "away"),
        ("fatal: unable to access 'https://h/': Could not resolve host: h", "away"),
        ("error: RPC failed; HTTP 502\nfatal: the remote end hung up unexpectedly", "away"),
        ("git@h: Permission denied (publickey).", "denied"),
        ("remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://h/'", "denied"),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", "denied"),
        ("Host key verification failed.", "host_key"),
        ("fatal: repository 'file:///x' does not exist", "failed"),
        ("", "failed"),
    ],
)
def test_the_kind_of_problem(err: str, problem: str) -> None:
    assert read_failure(b"", err.encode()).problem == problem


def test_what_the_remote_says_of_our_branch() -> None:
    behind = read_failure(b"To x\n!\trefs/heads/main:refs/heads/main\t[rejected] (fetch first)\nDone\n", b"error: x")
    refused = read_failure(
        b"!\trefs/heads/main:refs/heads/main\t[remote rejected] (pre-receive hook declined)\n",
        b"remote: No commits on Fridays\nerror: failed to push",
    )

    assert (behind.problem, behind.text) == ("diverged", "fetch first")
    assert (refused.problem, refused.text) == ("rejected", "pre-receive hook declined\nNo commits on Fridays")


def test_what_takes_too_long_is_away() -> None:
    assert read_failure(b"", b"", timed_out=True).problem == "away"


def test_no_secret_is_shown() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n-----END"
    text = f"fatal: https://u:{TOKEN}@h/x and {TOKEN} and\n{key}\nAuthorization: Basic dTpwYXNz"
    told = shown(text, (TOKEN,))

    assert TOKEN not in told
    assert "b3BlbnNzaC1rZXktdjE" not in told
    assert "dTpwYXNz" not in told


def test_words_from_outside_are_bounded_and_plain() -> None:
    told = shown("\n".join(f"\u202eline {number} " + "x" * 300 for number in range(50)))

    assert len(told) <= 500
    assert "\u202e" not in told
