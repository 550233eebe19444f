"""Forgetting a host: its keys, the record of that and the next push are one."""

from __future__ import annotations

import pytest

from clawsite.core.models import AuditEvent
from runbooks.models import Job, Remote
from runbooks.workspaces.sync import hosts
from tests.runbooks.people import ALICE
from tests.runbooks.workspaces.making import row

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_host_that_cannot_be_asked_again_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote.objects.create(project=row(), url="ssh://git@example.org/shop.git", host_keys=["ssh-ed25519 AAAA"])

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(hosts, "want_push", fail)
        with pytest.raises(RuntimeError):
            hosts.forget_host(remote, actor=ALICE)
    remote.refresh_from_db()
    assert remote.host_keys == ["ssh-ed25519 AAAA"]
    assert not AuditEvent.objects.filter(action="remote.forget").exists()

    hosts.forget_host(remote, actor=ALICE)
    remote.refresh_from_db()
    assert (remote.host_keys, AuditEvent.objects.get(action="remote.forget").actor) == ([], ALICE.subject)
    assert Job.objects.get().kind == "git_push"
