"""A row of everything about pipelines, with text that would do harm if a page took it for markup."""

from __future__ import annotations

from runbooks.models import CiDelivery, ForgeConnection, Pipeline, Project
from runbooks.workspaces.pipelines.store import store_delivery
from runbooks.workspaces.pipelines.values import JobInfo, State, stage_of, to_rows


def make_pipeline_rows(evil: str, secret: str) -> dict[str, int]:
    """Create everything; return the primary keys by the models' names in the admin's addresses."""
    project = Project.objects.create(key="shop-1", name="shop", owner="user:1", type="python", state="ready")
    connection = ForgeConnection.objects.create(
        project=project,
        kind="github",
        api_url="http://127.0.0.1:1",
        repository="octo/shop",
        token=secret,
        webhook_secret=secret,
        error=evil,
    )
    stages = to_rows([stage_of(evil, [JobInfo(id="1", name=evil, state=State.RUNNING)])])
    row = Pipeline.objects.create(
        project=project, provider="github", external_id="1", state="running", name=evil, ref=evil, stages=stages
    )
    bad, _made = store_delivery(project.pk, kind="github", delivery_id="1", event=evil, body=f'{{"text": "{evil}"}}')
    CiDelivery.objects.filter(pk=bad).update(state="bad", outcome=evil)
    return {
        "runbooks_forgeconnection": connection.pk,
        "runbooks_pipeline": row.pk,
        "runbooks_cidelivery": bad,
    }
