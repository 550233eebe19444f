"""What is left out of an address in a repository, what is not, and how it comes back."""

from __future__ import annotations

import pytest

from clawsite.ops.configuration.addresses import is_secret_name, with_secrets, without_secrets

HEX = "0123456789abcdef" * 3


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "accessToken", "accesstoken", "X-Api-Key", "APIKey", "apikey", "key", "client_secret",
     "clientsecret", "password", "db-password", "PASSWD", "pwd", "pass", "auth", "oauth_token", "code", "sig",
     "X-Amz-Signature", "X-Amz-Credential", "authorization"],
)  # fmt: skip
def test_a_name_with_a_secret_word_is_one(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["keyword", "keywords", "author", "authors", "authority", "monkey", "keyboard", "tokenizer", "secretary", "encode",
     "country_code", "design", "compass", "passenger", "query", "query[]", ""],
)  # fmt: skip
def test_a_name_that_only_looks_like_one_is_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://hooks.slack.com/services/T000/B000/XXXX", "https://hooks.slack.com/services/"),
        ("https://hooks.slack.com/workflows/T0/A0/1/abc", "https://hooks.slack.com/workflows/"),
        ("https://api.telegram.org/bot123:ABC/sendMessage?chat_id=7", "https://api.telegram.org/bot?chat_id=7"),
        ("https://api.telegram.org/file/bot123%3AABC/photo.jpg", "https://api.telegram.org/file/bot"),
        ("http://127.0.0.1:8081/tg/bot123:ABC-_/getMe", "http://127.0.0.1:8081/tg/bot"),
        ("https://discord.com/api/webhooks/42/a-B_c", "https://discord.com/api/webhooks/42/"),
        ("https://ptb.discordapp.com/api/v10/webhooks/42/a-B_c/slack", "https://ptb.discordapp.com/api/v10/webhooks/42/"),
        ("https://me.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d", "https://me.webhook.office.com/webhookb2/"),
        (f"https://chat.example.org/hooks/{HEX[:26]}", "https://chat.example.org/hooks/"),
        (f"https://chat.example.org/hooks/{'aB3' * 5}xy/{HEX}", "https://chat.example.org/hooks/"),
        ("https://u:pw@shop.example.org/a?author=me&keyword=b&api_key=c", "https://shop.example.org/a?author=me&keyword=b"),
    ],
)  # fmt: skip
def test_a_secret_is_left_out_and_comes_back(address: str, shown: str) -> None:
    kept = {"url": address, "of": [address, "text"]}
    bare = without_secrets(kept)
    assert bare == {"url": shown, "of": [shown, "text"]}
    assert with_secrets({**bare, "title": "new"}, kept) == {**kept, "title": "new"}
    elsewhere = {"url": shown.replace("://", "://evil.")}
    assert with_secrets(elsewhere, kept) == elsewhere  # a secret goes to no other place


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.example.org/search?keyword=a%20b&author=c",
        "https://shop.example.org/services/T000/B000/XXXX",
        "https://shop.example.org/hooks/alertmanager",
        "https://shop.example.org/bots/12:00",
        "https://shop.example.org/robot7/status",
        "https://discord.com/api/webhooks",
        "https://[nowhere/token=1",
        "hooks.slack.com/services/T000",
    ],
)
def test_what_holds_no_secret_stays_as_it_was_written(address: str) -> None:
    assert without_secrets(address) == address
