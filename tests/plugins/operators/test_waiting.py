"""What a task does when its runner has only to wait: the slot is given back, and how long that may go on is counted."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskDeferred

from mcop_airflow.operators.apply import ApplyPrimitiveOperator
from mcop_airflow.triggers import BY, LookAgainTrigger
from mcop_core.operations import Ending, OperationNote, Operations
from mcop_core.runner.request import Outcome, RunResult
from tests.plugins.operators.test_apply import request
from tests.plugins.plans import step, storefront

EXECUTION, TASK = "mcop.shop/run1", "w.p.apply_e"
WAITING = RunResult(Outcome.WAITING, error="build 7 runs", error_type="Waiting", facts={"look_again_s": 12.0})


def deferred(*, after=timedelta(), **fields):
    """The deferral of an apply task whose attempt began *after* ago."""
    operator = ApplyPrimitiveOperator(task_id="apply_e", plan=storefront(), step=step("w.p.e"), **fields)
    context = {"ti": SimpleNamespace(start_date=datetime.now(UTC) - after)}
    with pytest.raises(TaskDeferred) as caught:
        operator._defer(context, replace(request(), run_key=f"{EXECUTION}/{TASK}/w.p.e", step="w.p.e"), WAITING)
    return caught.value


def test_the_slot_is_given_back_until_it_is_time_to_look_again():
    """The trigger knows a moment and two names, and nothing that is secret."""
    asked = deferred()
    name, kept = asked.trigger.serialize()

    assert ("mcop_airflow.triggers.LookAgainTrigger", "look_again") == (name, asked.method_name)
    assert {"moment", "execution", "operation"} == set(kept)
    assert (EXECUTION, None) == (kept["execution"], asked.timeout)
    left_s = (datetime.fromisoformat(kept["moment"]) - datetime.now(UTC)).total_seconds()
    assert 6 < left_s <= 12
    assert asked.kwargs, "Airflow takes the begin of a task without any for a new one"


def test_the_time_that_an_attempt_may_take_counts_over_all_looks():
    """Airflow counts each of them alone: what is left bounds the wait."""
    asked = deferred(after=timedelta(minutes=59), execution_timeout=timedelta(hours=1))

    assert timedelta(seconds=50) < asked.timeout <= timedelta(minutes=1)
    with pytest.raises(AirflowTaskTimeout, match=r"1:00:00 are over: build 7 runs"):
        deferred(after=timedelta(minutes=61), execution_timeout=timedelta(hours=1))


def fired(trigger):
    async def events():
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(events())
    return payload


def test_a_trigger_that_comes_late_fires_at_once():
    """That of a triggerer that was away; the moment is the same in every process."""
    over = LookAgainTrigger(moment="2026-01-01T00:00:00+00:00", execution=EXECUTION, operation="id")
    soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()

    assert "2026-01-01T00:00:00+00:00" == fired(over)
    assert soon == fired(
        LookAgainTrigger(**LookAgainTrigger(moment=soon, execution="a/b", operation="c").serialize()[1])
    )
    assert datetime.now(UTC) >= datetime.fromisoformat(soon)


class Told(LookAgainTrigger):
    """A trigger that is told what Airflow calls its task."""

    word: str | None = None

    def states(self, dag_id, run_id, task_id):
        return {run_id: {task_id: self.word}}


@pytest.mark.parametrize(
    ("word", "outcome", "is_asked"),
    [
        ("failed", "waiting", True),
        ("success", "waiting", True),
        (None, "waiting", False),
        ("up_for_retry", "waiting", False),
        ("failed", "succeeded", False),
    ],
)
def test_a_task_that_is_stopped_while_it_waits_asks_its_next_runner_to_stop(environment, word, outcome, is_asked):
    """One that was cleared does not, nor one whose build has ended; a runner is started that finds no artifact here."""
    from mcop_core.bootstrap import open_store

    store = open_store(environment.artifact_store)
    operations = Operations(store)
    asked = replace(request(), run_key=f"{EXECUTION}/{TASK}/w.p.e", store=environment.artifact_store)
    store.put(f"artifacts/{asked.artifact}.json", b"{}")
    ending = Ending(outcome, "2026-01-01T00:00:00+00:00", is_settled=True)
    facts = {"operation": "apply", **{name: getattr(asked, name) for name in asked.__slots__ if name != "operation"}}
    operations.note(OperationNote(asked.id, EXECUTION, TASK, "w.p.e", "apply", facts, {}, ending.at, (), ending))
    trigger = Told(moment=ending.at, execution=EXECUTION, operation=asked.id)
    trigger.word = word
    with pytest.raises(Exception, match="digest") if is_asked else nullcontext():
        asyncio.run(trigger.on_kill())
    found = operations.asked_to_stop(EXECUTION, asked.id)

    assert is_asked == (found is not None)
    assert not is_asked or found.by == BY
