"""ApproveOperator: shows what a run would do, waits for a person, and binds the rest of the run to it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import DownstreamTasksSkipped

from mcop_airflow.cut_off import check_whole
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.run_conf import tasks_left_out
from mcop_core.bootstrap import open_store
from mcop_core.errors import NotFound
from mcop_core.executions import naming
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.approval_store import ApprovalStore
    from mcop_core.approvals import Person
    from mcop_core.catalog.models import ApprovalPolicy
    from mcop_core.compiler.plan import DeploymentPlan
    from mcop_core.engines.changes import Preview


class ApproveOperator(BaseOperator):
    """
    Ask a person to approve the preview, if the manifest's policy asks for it.

    The question is a required action of Airflow: answered in the UI, by its REST API, or with `mcop approve` and
    `mcop reject`. It costs no worker slot while it waits. Whoever may not approve is told so in this task's log and
    is not counted. A rejection fails the task, and so ends the run with nothing applied; so does a time-out.

    Every apply task is held to what was approved, which the artifact store keeps. The XCom `approval` tells it to
    others: the preview's digest, and who approved. No field is templated.

    Args:
        plan: What is to be approved; its policy says whom to ask.
        destroys: Whether the run is to destroy what the manifest deployed, rather than to apply the plan.
    """

    template_fields = ()
    ui_color = "#fbe8ef"

    def __init__(self, *, plan: DeploymentPlan, destroys: bool = False, **kwargs: object) -> None:
        defaults = {"task_id": naming.APPROVE_TASK_ID, "do_xcom_push": False, "doc_md": ApproveOperator.__doc__}
        super().__init__(**{"retries": 2, "retry_delay": timedelta(seconds=5), **defaults, **kwargs})
        self.plan = plan
        self.destroys = destroys

    @property
    def policy(self) -> ApprovalPolicy:
        """The manifest's."""
        return self.plan.approval

    def execute(self, context: Context) -> None:
        """Ask, unless nobody is needed."""
        from mcop_core.approvals import why_nobody_is_needed

        check_whole(context, self.plan)
        with final_unless_unreachable():
            self._approvals(context).withdraw()
            digest = self._previewed(context)
            preview = self._load(digest)
        reason = why_nobody_is_needed(self.policy, preview)
        if not reason:
            self._ask(context, digest, preview, ())
        self.log.info("No approval is needed: %s", reason)
        self._approve(context, digest, ())

    def answered(
        self, context: Context, event: Mapping[str, Any], people: Sequence[Mapping[str, str]], digest: str
    ) -> None:
        """Go on if enough people approved *digest*, ask on if not; fail on a rejection or a time-out."""
        from mcop_airflow.asking import read_answer
        from mcop_core.approvals import Decision

        verdict = read_answer(context, self.policy, event, people)
        self.log.info("%s", verdict.reason)
        if verdict.decision is Decision.ASK_ON:
            with final_unless_unreachable():
                preview = self._load(digest)
            self._ask(context, digest, preview, verdict.people)
        self._approve(context, digest, verdict.people)

    def _approve(self, context: Context, digest: str, people: Sequence[Person]) -> None:
        with final_unless_unreachable():
            self._approvals(context).approve(digest, people)
        told = {"preview": digest, "people": [asdict(person) for person in people]}
        context["ti"].xcom_push(key=naming.APPROVAL_KEY, value=told)
        left_out = [] if self.destroys else tasks_left_out(self.plan, context["dag_run"].conf)
        if left_out:  # Not before: a step of the slice waits for nothing else than these.
            raise DownstreamTasksSkipped(tasks=left_out)

    def _approvals(self, context: Context) -> ApprovalStore:
        from mcop_core.approval_store import ApprovalStore

        settings = Settings.from_environment(os.environ)
        store = open_store(settings.artifact_store)
        return ApprovalStore(store, self.dag_id, context["ti"].run_id, settings.record_key)

    def _previewed(self, context: Context) -> str:
        digest = context["ti"].xcom_pull(task_ids=naming.PREVIEW_TASK_ID, key=naming.PREVIEW_KEY, map_indexes=None)
        if not isinstance(digest, str):
            raise NotFound("the preview task left no preview in this run: clear both")
        return digest

    def _load(self, digest: str) -> Preview:
        from mcop_core.engines.changes import Preview, preview_key

        store = open_store(Settings.from_environment(os.environ).artifact_store)
        return Preview.from_json(store.get(preview_key(digest)).data, digest)

    def _ask(self, context: Context, digest: str, preview: Preview, people: Sequence[Any]) -> None:
        from mcop_airflow.approval_page import preview_page
        from mcop_airflow.asking import ask
        from mcop_core.approvals import options_for
        from mcop_core.engines.summary import conclusion
        from mcop_core.executions.naming import execution_id

        self.log.info("Waiting for an approval of preview %s", digest)
        ask(
            context,
            self.policy,
            subject=f"{preview.manifest}: {conclusion(preview)[0]}",
            body=preview_page(preview, execution_id(self.dag_id, context["ti"].run_id), digest),
            options=options_for(preview),
            people=people,
            digest=digest,
        )
