"""Bot API methods that answer questions or set up the bot.

Itself, chats, members, files, the command menu.
"""

from __future__ import annotations

import re
from typing import Any

from tests.servers.telegram.call import Call, method
from tests.servers.telegram.errors import bad_request
from tests.servers.telegram.world import member_json

SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}
MAX_COMMANDS = 100
GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


@method
def get_me(call: Call) -> dict[str, Any]:
    abilities = {
        "can_join_groups": True,
        "can_read_all_group_messages": not call.bot.privacy,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }
    return call.bot.describe() | abilities


@method
def get_chat(call: Call) -> dict[str, Any]:
    return call.chat().describe() | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(GIFTS, False),
    }


@method
def get_chat_member(call: Call) -> dict[str, Any]:
    chat, user_id = call.chat(), call.integer("user_id")
    if user_id == call.bot.id:
        return member_json(call.bot.describe(), chat.bot_status)
    status = chat.members.get(user_id)
    if user_id not in call.world.users or (chat.user is None and status is None):
        raise bad_request("PARTICIPANT_ID_INVALID")
    return member_json(call.world.users[user_id], status or "member")


@method
def leave_chat(call: Call) -> bool:
    chat = call.chat()
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    chat.bot_status = "left"
    chat.changes += 1
    return True


@method
def get_file(call: Call) -> dict[str, Any]:
    return call.files.describe(call.text("file_id"))


@method
def set_my_commands(call: Call) -> bool:
    commands = call.json("commands")
    if not isinstance(commands, list):
        raise bad_request('parameter "commands" is required')
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    call.bot.commands[_commands_key(call)] = [_checked_command(command) for command in commands]
    return True


@method
def get_my_commands(call: Call) -> list[dict[str, str]]:
    return call.bot.commands.get(_commands_key(call), [])


@method
def delete_my_commands(call: Call) -> bool:
    call.bot.commands.pop(_commands_key(call), None)
    return True


def _checked_command(command: dict[str, Any]) -> dict[str, str]:
    name = str(command.get("command", "")).removeprefix("/")
    description = str(command.get("description", ""))
    if not re.fullmatch(r"[a-z0-9_]{1,32}", name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name, "description": description}


def _commands_key(call: Call) -> tuple[str, str]:
    """Scope and language under which a list of commands is kept: `chat:5001` and `ru`."""
    scope = call.json("scope") or {"type": "default"}
    kind, language = str(scope.get("type")), call.text("language_code")
    if kind not in SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    for name in SCOPES[kind]:
        if name not in scope:
            raise bad_request(f"can't parse BotCommandScope: {name} is empty")
    if "chat_id" in SCOPES[kind]:
        call.bot.get_chat(scope["chat_id"])
    return ":".join([kind, *(str(scope[name]) for name in SCOPES[kind])]), language
