"""An emulator of the Telegram Bot API: strict like the real one, with people to play and faults to plan."""

from tests.servers.telegram.controls import TelegramControl, TelegramControls
from tests.servers.telegram.server import TelegramServer
from tests.servers.telegram.world import DEFAULT_TOKEN

__all__ = ["DEFAULT_TOKEN", "TelegramControl", "TelegramControls", "TelegramServer"]
