"""Rows become files and files become rows again; what is wrong changes nothing, and no secret is in any file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import models
from django.utils import timezone

from clawsite.core import flags
from clawsite.core.crypto import EncryptedTextField
from clawsite.core.models import AuditEvent
from clawsite.ops.configuration import Refused, differences, take_in, texts_now
from clawsite.ops.configuration.section import Children, Section
from clawsite.ops.configuration.sections import SECTIONS
from runbooks.models import AlertSubscription, MonitoredSystem, NamedQuery, Responder, Runbook, Schedule, Shift
from runbooks.schedules import save_schedule, tick
from sessions_app.models import Channel, Contact, GroupAccess, PromptLayer
from tests.clawsite.ops.configuration.making import ALICE, CREDENTIAL, TOKEN, make_everything

pytestmark = pytest.mark.django_db


@pytest.fixture
def texts() -> Iterator[dict[str, str]]:
    """The files of an installation with everything."""
    make_everything()
    yield texts_now()
    flags.forget()


def forget_everything() -> None:
    """Empty every section, as on a new machine."""
    for section in reversed(SECTIONS):
        section.model._default_manager.all().delete()


def test_no_section_lists_a_secret() -> None:
    for section in SECTIONS:
        parts: tuple[Section | Children, ...] = (section, *section.children)
        for part in parts:
            columns = [part.model._meta.get_field(name) for name in part.fields]
            assert not any(isinstance(column, EncryptedTextField) for column in columns), section.name


def test_every_section_has_a_file_that_people_can_read(texts: dict[str, str]) -> None:
    assert {path.partition("/")[0] for path in texts} == {section.name for section in SECTIONS}
    whole = "\n".join(texts.values())
    assert TOKEN not in whole
    assert CREDENTIAL not in whole
    assert "Charlie" not in whole  # who only waits for approval is nobody's decision yet
    assert texts["rotas/primary.yaml"].startswith("name: primary\ntime_zone: America/Sao_Paulo\nshifts:\n- days:")
    assert any(path.startswith("schedules/every-night-at-two-") for path in texts)


def test_who_talks_where_anybody_may_is_in_no_file_unless_they_have_a_part(texts: dict[str, str]) -> None:
    lobby = Channel.objects.create(kind="telegram", name="lobby", access="open")

    def meet(name: str, **fields: str) -> Contact:
        return Contact.objects.create(channel=lobby, external_id=name, state="approved", **fields)

    meet("visitor")
    meet("operator", role="operator")
    meet("listed").groups.add(GroupAccess.objects.get())
    Responder.objects.create(name="woken", contact=meet("woken"))
    Contact.objects.filter(pk=meet("blocked").pk).update(state="blocked")

    shown = texts_now()
    assert {path.removeprefix("people/lobby-") for path in shown if path.startswith("people/lobby-")} == {
        "operator.yaml", "listed.yaml", "woken.yaml", "blocked.yaml",
    }  # fmt: skip
    assert set(texts) < set(shown)
    assert take_in(shown, actor=ALICE).changed == []


def test_files_from_before_a_schedule_was_over_are_taken_in(texts: dict[str, str]) -> None:
    now = timezone.now()
    soon, past, later = (now + timedelta(minutes=minutes) for minutes in (1, -1, 60))
    save_schedule(Schedule(name="once", kind="selftest", when="at", at=soon), actor=ALICE)
    path, text = "schedules/once.yaml", texts_now()["schedules/once.yaml"].replace(soon.isoformat(), past.isoformat())
    tick(soon)
    Schedule.objects.filter(name="once").update(at=past, last_due=past)
    row = Schedule.objects.get(name="once")

    assert take_in(texts | {path: text}, actor=ALICE).changed == []
    assert take_in({path: text.replace("late_minutes: 360", "late_minutes: 5")}, actor=ALICE).changed == [path]
    row.refresh_from_db()
    assert (row.enabled, row.late_minutes, row.next_due) == (False, 5, None)

    assert take_in({path: text.replace(past.isoformat(), later.isoformat())}, actor=ALICE).changed == [path]
    row.refresh_from_db()
    assert (row.enabled, row.next_due) == (True, later)


def test_a_secret_in_an_address_is_in_no_file_and_stays_in_its_row(texts: dict[str, str]) -> None:
    address = "https://shop.example.org/health?access_token=token-1&deep=yes"
    MonitoredSystem.objects.update(health_url=address)
    Channel.objects.update(config={"mode": "polling", "api_url": "http://bot:pass-1@api.example.org/?key=token-1"})

    now = texts_now()

    whole = "\n".join(now.values())
    assert "pass-1" not in whole
    assert "token-1" not in whole
    assert "https://shop.example.org/health?deep=yes" in whole
    path = "systems/shop.yaml"
    assert take_in(now | {path: now[path].replace("title: ''", "title: The shop")}, actor=ALICE).changed == [path]
    shop = MonitoredSystem.objects.get()
    assert (shop.title, shop.health_url) == ("The shop", address)
    path = "channels/bot.yaml"
    assert take_in({path: now[path].replace("polling", "webhook")}, actor=ALICE).changed == [path]
    kept = {"mode": "webhook", "api_url": "http://bot:pass-1@api.example.org/?key=token-1"}
    assert Channel.objects.get(name="bot").config == kept


def test_the_same_again_changes_nothing(texts: dict[str, str]) -> None:
    assert take_in(texts, actor=ALICE).changed == []
    assert not AuditEvent.objects.filter(action="config.import").exists()


def test_a_new_machine_becomes_the_same_but_for_its_secrets(texts: dict[str, str]) -> None:
    forget_everything()
    outcome = take_in(texts, actor=ALICE)
    assert sorted(outcome.changed) == sorted(texts)
    channel = Channel.objects.get()
    assert (channel.enabled, channel.token) == (False, "")  # it has no token yet
    Channel.objects.update(enabled=True)
    assert differences(texts, texts_now()) == ""
    assert GroupAccess.objects.get().members.get().external_id == "7"
    assert AuditEvent.objects.get(action="config.import").actor == ALICE.subject


def test_what_is_edited_is_taken_over_and_what_is_not_named_stays(texts: dict[str, str]) -> None:
    path = "systems/shop.yaml"
    query = NamedQuery.objects.get()
    edited = texts[path].replace("title: Sales", "title: Turnover")
    assert take_in({path: edited}, actor=ALICE).changed == [path]
    query.refresh_from_db()
    assert query.title == "Turnover"
    assert MonitoredSystem.objects.get().credentials != ""
    assert Schedule.objects.count() == 1

    assert take_in({"people/x.yaml": "channel: bot\nexternal_id: '7'\nrole: viewer\n"}, actor=ALICE).changed
    contact = Contact.objects.get(external_id="7")
    assert (contact.role, contact.name) == ("viewer", "Alice")
    rights = AuditEvent.objects.get(action="contact.approve")
    assert (rights.subject, rights.actor, rights.data["role"]) == (contact.subject, ALICE.subject, "viewer")
    assert take_in({"people/x.yaml": "channel: bot\nexternal_id: '7'\nstate: blocked\n"}, actor=ALICE).changed
    assert AuditEvent.objects.get(action="contact.block").subject == contact.subject


def test_a_runbook_that_somebody_broke_is_mended_by_its_file(texts: dict[str, str]) -> None:
    Runbook.objects.update(parameters=5)
    assert "runbooks/restart-api.yaml" not in texts_now()
    assert take_in(texts, actor=ALICE).changed == ["runbooks/restart-api.yaml"]
    assert texts_now() == texts


def test_lists_are_taken_over_as_they_stand(texts: dict[str, str]) -> None:
    (path,) = [path for path in texts if path.startswith("chats/")]
    edited = (
        texts[path].partition("subscriptions:")[0]
        + "subscriptions:\n- least: info\n- {least: warning, quiet_from: '22:00', quiet_until: '07:00'}\n"
    )
    take_in({path: edited}, actor=ALICE)
    assert list(AlertSubscription.objects.values_list("least", flat=True)) == ["info", "warning"]
    take_in({"rotas/primary.yaml": "name: primary\nshifts: []\n"}, actor=ALICE)
    assert Shift.objects.count() == 0


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("prompts/a.yaml", "key: identity\nbudgets: 5\n", "nothing called budgets"),
        ("prompts/a.yaml", "key: identity\nbudget: many\n", "budget"),
        ("prompts/a.yaml", "key: identity\nenabled: 'yes'\n", "wrong type"),
        ("prompts/a.yaml", "key: identity\nkey: core\n", "line 2"),
        ("prompts/a.yaml", "title: x\n", "key is missing"),
        ("prompts/a.yaml", 'key: identity\ntext: "\\ud800"\n', "line 2, column 7: a text holds a character"),
        ("systems/a.yaml", "name: shop\nqueries: [{name: [x]}]\n", "queries 1"),
        ("prompts/a.yaml", "key: identity\nbudget: 1.5\n", "wrong type"),
        ("channels/a.yaml", "name: bot\nconfig: [polling]\n", "wrong type"),
        ("people/a.yaml", "channel: bot\nexternal_id: '7'\nstate: pending\n", "only a new one waits"),
        ("people/a.yaml", "channel: other\nexternal_id: '1'\n", "no channel 'other'"),
        ("people/a.yaml", "channel: bot\nexternal_id: '7'\nrole: king\n", "king"),
        ("schedules/a.yaml", "name: x\nkind: nothing\ncron: 0 2 * * *\n", "no such kind"),
        ("schedules/a.yaml", "name: x\nkind: selftest\ncron: never\n", "schedules/a.yaml"),
        ("runbooks/a.yaml", "name: x\ntitle: x\nsteps: [{title: x, kind: fly}]\n", "runbooks/a.yaml"),
        ("rotas/a.yaml", "name: x\nshifts: [{responder: nobody}]\n", "shifts 1: There is no responder 'nobody'"),
        (
            "chats/a.yaml",
            "channel: bot\nchat_id: '1'\nsubscriptions: [{least: info, matchers: ['=']}]\n",
            "subscriptions 1",
        ),
        ("features/a.yaml", "name: charts\npeople_on: user:1\n", "people_on"),
        ("tokens/a.yaml", "name: x\n", "no section 'tokens'"),
        ("channels/a.yaml", "name: bot\ntoken: x\n", "nothing called token"),
    ],
)
def test_one_mistake_and_nothing_is_changed(texts: dict[str, str], path: str, text: str, problem: str) -> None:
    good = {"systems/new.yaml": "name: new\ntitle: New\n"}
    with pytest.raises(Refused, match=r"Nothing was changed") as refused:
        take_in(good | {path: text}, actor=ALICE)
    assert problem in refused.value.message
    assert differences(texts, texts_now()) == ""


def test_two_files_about_the_same_are_refused(texts: dict[str, str]) -> None:
    twice = dict.fromkeys(("systems/a.yaml", "systems/b.yaml"), "name: shop\n")
    with pytest.raises(Refused, match="is about the same"):
        take_in(twice, actor=ALICE)


def test_pruning_takes_what_has_no_file_and_nothing_that_people_said(texts: dict[str, str]) -> None:
    kept = {path: text for path, text in texts.items() if not path.startswith(("schedules/", "runbooks/", "people/"))}
    take_in(kept, actor=ALICE)
    assert Schedule.objects.count() == Runbook.objects.count() == 1
    outcome = take_in(kept, actor=ALICE, prune=True)
    assert len(outcome.removed) == 2
    assert Schedule.objects.count() == Runbook.objects.count() == 0
    assert Contact.objects.count() == 2


def test_a_dry_run_changes_nothing(texts: dict[str, str]) -> None:
    outcome = take_in({"systems/new.yaml": "name: new\n"}, actor=ALICE, dry=True)
    assert outcome.changed == ["systems/new.yaml"]
    assert MonitoredSystem.objects.count() == 1


def test_a_row_that_holds_a_secret_is_in_no_file(texts: dict[str, str]) -> None:
    Schedule.objects.update(params={"key": "sk-ant-api03-0123456789abcdef"})
    shown = texts_now()
    assert not any(path.startswith("schedules/") for path in shown)
    assert take_in(shown, actor=ALICE, prune=True).removed == []  # it could not be had back


def test_long_texts_are_blocks_of_lines(texts: dict[str, str]) -> None:
    PromptLayer.objects.filter(key="identity").update(text="You are here.\n\nBe kind: yes\n")
    text = texts_now()["prompts/identity.yaml"]
    assert "text: |\n  You are here.\n\n  Be kind: yes\n" in text
    assert take_in({"prompts/identity.yaml": text}, actor=ALICE).changed == []


def test_differences_are_shown_as_diff_shows_them() -> None:
    told = differences({"a/x.yaml": "one: 1\n"}, {"a/x.yaml": "one: 2\n", "a/y.yaml": "two: 2\n"})
    assert told.splitlines() == [
        "--- a/a/x.yaml", "+++ b/a/x.yaml", "@@ -1 +1 @@", "-one: 1", "+one: 2",
        "--- a/a/y.yaml", "+++ b/a/y.yaml", "@@ -0,0 +1 @@", "+two: 2",
    ]  # fmt: skip


def test_every_column_of_a_section_is_one() -> None:
    for section in SECTIONS:
        parts: tuple[Section | Children, ...] = (section, *section.children)
        for part in parts:
            for name in (*part.fields, *part.refs):
                assert isinstance(part.model._meta.get_field(name), models.Field)
