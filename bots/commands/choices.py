"""The settings of a session that people may change, each with its values. Reading one never guesses.

Invariant: only what is listed here can be set from a chat: no address, no path, no unknown model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import available_timezones

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clawsite.core.errors import BadInput
from sessions_app.languages import find_language
from sessions_app.models import Session
from sessions_app.statements import fold

AUTO = "auto"
_COMMON_ZONES = (
    "UTC", "Europe/Lisbon", "Europe/Berlin", "Europe/Moscow", "America/Sao_Paulo", "America/New_York", "Asia/Tokyo",
)  # fmt: skip

# Names that the zone files of some machines hold beside real zones.
_NOT_PLACES = {"localtime", "Factory", "posixrules"}


# How people call places whose zone has another name, without accents.
_PLACES = {
    "moscou": "Europe/Moscow", "москва": "Europe/Moscow", "санкт-петербург": "Europe/Moscow", "lisboa": "Europe/Lisbon",
    "лиссабон": "Europe/Lisbon", "berlim": "Europe/Berlin", "берлин": "Europe/Berlin", "brasilia": "America/Sao_Paulo",
    "rio_de_janeiro": "America/Sao_Paulo", "сан-паулу": "America/Sao_Paulo", "nova_york": "America/New_York",
    "nova_iorque": "America/New_York", "нью-иорк": "America/New_York", "toquio": "Asia/Tokyo", "токио": "Asia/Tokyo",
    "калининград": "Europe/Kaliningrad", "самара": "Europe/Samara", "екатеринбург": "Asia/Yekaterinburg",
    "новосибирск": "Asia/Novosibirsk", "владивосток": "Asia/Vladivostok", "минск": "Europe/Minsk",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One value: what is stored, what is typed, and what people read."""

    value: str
    word: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting. `field` is the column of Session; `choices` what buttons offer; `read` turns words into a value."""

    name: str
    field: str
    title: str | Promise
    choices: Callable[[], Sequence[Choice]]
    read: Callable[[str], str]
    aliases: tuple[str, ...] = ()

    def show(self, session: Session) -> str:
        """Return the session's value as people read it."""
        value = getattr(session, self.field)
        return next((choice.label for choice in self.choices() if choice.value == value), value)


def _read_choice(text: str, choices: Sequence[Choice]) -> str:
    wanted = text.strip().lower()
    for choice in choices:
        if wanted in (choice.word.lower(), choice.label.lower()):
            return choice.value
    words = ", ".join(choice.word for choice in choices)
    raise BadInput(_("I do not know “{value}”. Possible are: {words}.").format(value=text[:40], words=words))


def _languages() -> list[Choice]:
    known = [Choice(value=code, word=code, label=name) for code, name in settings.LANGUAGES]
    return [Choice(value="", word=AUTO, label=_("automatic")), *known]


def _read_language(text: str) -> str:
    """Take a code in any spelling (pt, pt_BR, ru-RU) or a name."""
    by_name = {name.lower().split(" ")[0]: code for code, name in settings.LANGUAGES}
    by_name |= {
        "portuguese": "pt-br", "russian": "ru", "portugues": "pt-br", "ingles": "en", "inglês": "en", "russo": "ru",
        "английский": "en", "португальский": "pt-br",
    }  # fmt: skip
    word = text.strip().lower()
    found = by_name.get(word) or (find_language(word) if len(word) <= 5 else None)
    return found or _read_choice(text, _languages())


def _zones() -> list[Choice]:
    default = Choice(value="", word=AUTO, label=_("default ({zone})").format(zone=settings.TIME_ZONE))
    return [default, *(Choice(value=name, word=name, label=name) for name in _COMMON_ZONES)]


@lru_cache(maxsize=1)
def _zone_index() -> dict[str, str]:
    """Return every zone by its lower-case name, and by its city where only one zone has it.

    Those of Etc by their whole names only: Etc/GMT+3 is what everybody calls GMT-3.
    """
    names = available_timezones() - _NOT_PLACES
    index: dict[str, str] = {}
    shared: set[str] = set()
    for name in names:
        region, _slash, place = name.rpartition("/")
        if region == "Etc":
            continue
        city = place.lower()
        shared |= {city} & index.keys()
        index.setdefault(city, name)
    index = {city: name for city, name in index.items() if city not in shared}
    return _PLACES | index | {name.lower(): name for name in names}


def _read_zone(text: str) -> str:
    """Take a zone's name or its city, in any case, blanks for underscores, accents or none."""
    wanted = fold(text).replace(" ", "_")
    if wanted == AUTO:
        return ""
    found = _zone_index().get(wanted)
    if found is None:
        raise BadInput(
            _("I do not know the time zone “{value}”. Try a name such as Europe/Lisbon.").format(value=text[:40])
        )
    return found


def _models() -> list[Choice]:
    names = list(dict.fromkeys(entry.partition("@")[0] for entry in settings.CLAW_MODELS))
    auto = Choice(value="", word=AUTO, label=_("automatic"))
    return [auto, *(Choice(value=name, word=name, label=name) for name in names)]


def _triggers() -> list[Choice]:
    labels = {
        Session.Trigger.AUTO: _("automatic"),
        Session.Trigger.ALWAYS: _("every message"),
        Session.Trigger.MENTION: _("mentions and replies"),
        Session.Trigger.COMMAND: _("commands only"),
        Session.Trigger.OFF: _("nothing"),
    }
    return [Choice(value=value.value, word=value.value, label=label) for value, label in labels.items()]


def _memories() -> list[Choice]:
    labels = {
        Session.Memory.SUMMARIZE: _("summarize older messages"),
        Session.Memory.TRUNCATE: _("newest messages only"),
    }
    return [Choice(value=value.value, word=value.value, label=label) for value, label in labels.items()]


SETTINGS = (
    Setting(
        name="language",
        field="language",
        title=gettext_lazy("Language"),
        choices=_languages,
        read=_read_language,
        aliases=("lang", "idioma", "язык"),
    ),
    Setting(
        name="time_zone",
        field="time_zone",
        title=gettext_lazy("Time zone"),
        choices=_zones,
        read=_read_zone,
        aliases=("timezone", "tz", "zone"),
    ),
    Setting(
        name="model",
        field="model",
        title=gettext_lazy("Model"),
        choices=_models,
        read=lambda text: _read_choice(text, _models()),
    ),
    Setting(
        name="trigger",
        field="trigger",
        title=gettext_lazy("I answer"),
        choices=_triggers,
        read=lambda text: _read_choice(text, _triggers()),
    ),
    Setting(
        name="memory",
        field="memory",
        title=gettext_lazy("Memory"),
        choices=_memories,
        read=lambda text: _read_choice(text, _memories()),
    ),
)


def find_setting(word: str) -> Setting | None:
    """Return a setting by its name or an alias, or None."""
    wanted = word.lower().replace("-", "_")
    return next((each for each in SETTINGS if wanted == each.name or wanted in each.aliases), None)
