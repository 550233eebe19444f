"""Addresses of remotes: what is taken, in which one spelling, and what is not."""

from __future__ import annotations

import pytest

from clawsite.core.errors import BadInput, NotAllowed
from runbooks.workspaces.sync.addresses import check_allowed, is_below, read_address


@pytest.mark.parametrize(
    ("entered", "url"),
    [
        ("git@github.com:us/app.git", "ssh://git@github.com/us/app.git"),
        ("ssh://git@github.com/us/app.git", "ssh://git@github.com/us/app.git"),
        ("ssh://github.com:2222/us/app", "ssh://git@github.com:2222/us/app"),
        (" https://GitHub.com/us/app.git ", "https://github.com/us/app.git"),
        ("https://forge.local:8443/us/app", "https://forge.local:8443/us/app"),
        ("https://[::1]:8443/us/app", "https://[::1]:8443/us/app"),
        ("file:///srv/git/app.git", "file:///srv/git/app.git"),
    ],
)
def test_an_address_has_one_spelling(entered: str, url: str) -> None:
    assert read_address(entered).url == url
    assert read_address(url).url == url


@pytest.mark.parametrize(
    "entered",
    [
        "",
        "app.git",
        "/srv/git/app.git",
        "http://github.com/us/app",
        "git://github.com/us/app",
        "ext::sh -c touch% /tmp/x",
        "ssh://-oProxyCommand=id/us/app",
        "ssh://git@-oProxyCommand=id/us/app",
        "-oProxyCommand=id@host:us/app",
        "git@host:-us/app",
        "git@host:us/--upload-pack=id",
        "ssh://git@host/us/../../etc",
        "ssh://git@host/us/app;id",
        "ssh://git@host/us/$(id)",
        "ssh://git@host/us/`id`",
        "ssh://git@host:99999/us/app",
        "https://user:password@github.com/us/app",
        "https://token@github.com/us/app",
        "https://github.com/us/app?x=1",
        "https://github.com/us/app#x",
        "https://github.com/us/a pp",
        "https://github.com/us/app\nhttps://evil.test/x",
        "https://github.com/us/ápp",
        "https://xn_.test%2f/us/app",
        "file://host/srv/app.git",
        "https://github.com/" + "a" * 500,
    ],
)
def test_what_is_no_plain_address_is_refused(entered: str) -> None:
    with pytest.raises(BadInput):
        read_address(entered)


def test_only_what_lies_below_an_allowed_address_is_allowed() -> None:
    address = read_address("git@github.com:us/app.git")
    check_allowed(address, ["https://github.com", "ssh://git@github.com/us/"])
    check_allowed(address, ["github.com"])
    for allowed in (
        [],
        ["ssh://git@github.com/u"],
        ["ssh://git@github.co"],
        ["https://github.com"],
        [""],
        ["/"],
        ["hub.com"],
    ):
        with pytest.raises(NotAllowed):
            check_allowed(address, allowed)
    assert not is_below("https://host.test.evil.test/x", "https://host.test")
