"""Asking a person through Airflow's required actions, from any operator; what the answer means is `approvals`'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import upsert_hitl_detail

from mcop_airflow.run_conf import requester_of
from mcop_core.approvals import Decision, Person, Verdict, judge, may_answer

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.catalog.models import ApprovalPolicy

RESUME = "answered"
"""Method of an asking operator that is called with (context, event, people, …) when somebody has answered."""


def ask(
    context: Context,
    policy: ApprovalPolicy,
    *,
    subject: str,
    body: str,
    options: Sequence[str],
    people: Sequence[Person] = (),
    **kept: Any,
) -> NoReturn:
    """
    Put a question and park the task until it is answered, which costs no worker slot.

    Asked again by the same attempt of a task, Airflow shows the first question's text.

    Args:
        body: Markdown.
        people: Who approved already.
        kept: What the method `RESUME` is called with, beside the answer.
    """
    users = may_answer(policy, requester_of(context["dag_run"]))
    upsert_hitl_detail(
        ti_id=context["ti"].id,
        options=list(options),
        params={},
        subject=subject,
        body=body,
        assigned_users=[{"id": user, "name": user} for user in users],
    )
    raise TaskAwaitingInput(
        method_name=RESUME,
        kwargs={"people": [asdict(person) for person in people], **kept},
        timeout=timedelta(hours=policy.timeout_hours),
    )


def read_answer(
    context: Context, policy: ApprovalPolicy, event: Mapping[str, Any], people: Sequence[Mapping[str, str]]
) -> Verdict:
    """
    Say what the answer in *event* comes to.

    Raises:
        AirflowFailException: It was a rejection, or nobody answered in time.
    """
    if "error" in event or not event.get("responded_by_user"):
        raise AirflowFailException(f"nobody answered within {policy.timeout_hours:g} h: nothing was applied")
    user, (answer,) = event["responded_by_user"], event["chosen_options"]
    person = Person(str(user["id"]), str(user["name"]), event["responded_at"].isoformat())
    before = [Person(**one) for one in people]
    verdict = judge(policy, answer, person, requester=requester_of(context["dag_run"]), people=before)
    if verdict.decision is Decision.REJECTED:
        raise AirflowFailException(f"{verdict.reason}: nothing was applied")
    return verdict
