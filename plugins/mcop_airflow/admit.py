"""
The first task of every run: AdmitOperator, and the decisions it makes.

Airflow can create a run from the graph of one plan and pin it to the files of another (a file that is parsed while the
bundle moves on is stored under the new version). Infrastructure applied by such a run would be neither plan's. The
graph that a run was created from shows itself to a task only by the ids of the run's tasks, so one of these ids
names the plan (`naming.plan_marker`); `admit` compares them with the files it is pinned to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import DownstreamTasksSkipped

from mcop_airflow.cut_off import check_whole
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.run_conf import tasks_left_out
from mcop_core.bootstrap import open_repository
from mcop_core.compiler.run_conf import (
    ACTION_KEY,
    CONFIRM_KEY,
    PLAN_KEY,
    REQUESTER_KEY,
    RunAction,
    run_action,
    run_overrides,
    run_slice,
)
from mcop_core.errors import InvalidDocuments, Refused, Unreachable
from mcop_core.executions import naming
from mcop_core.limits import USUAL_LIMITS, Limits
from mcop_core.refs import ObjectRef
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_airflow.pinned import Standings
    from mcop_core.catalog.repository import CatalogRepository
    from mcop_core.compiler.plan import DeploymentPlan

# The compiler is imported where it is needed: the parser loads this file for every manifest, and checks nothing.

_SHOWN = 6


class AdmitOperator(BaseOperator):
    """
    Let a run begin, or refuse it before anything is applied.

    It refuses a graph or plan digest that is not the pinned snapshot's, a plan that was not asked for, unknown or
    invalid overrides, a revoked version, and a second run on the same state. A catalog that does not answer is warned
    of: a run on a pinned snapshot needs none. No field is templated.

    Args:
        plan: The plan that the DAG was built from.
        plan_digest: Its digest.
        destroys: Whether the run is to destroy what the manifest deployed, rather than to apply the plan.
        open_catalog: Settings -> the catalog to ask for revocations.
    """

    template_fields = ()
    ui_color = "#fdf3d8"

    def __init__(
        self,
        *,
        plan: DeploymentPlan,
        plan_digest: str,
        destroys: bool = False,
        open_catalog: Callable[[Settings], CatalogRepository] = open_repository,
        **kwargs: object,
    ) -> None:
        defaults = {"task_id": naming.ADMIT_TASK_ID, "retries": 2, "retry_delay": timedelta(seconds=5)}
        super().__init__(**{**defaults, "do_xcom_push": False, "doc_md": AdmitOperator.__doc__, **kwargs})
        self.plan = plan
        self.plan_digest = plan_digest
        self.destroys = destroys
        self.open_catalog = open_catalog

    def execute(self, context: Context) -> None:
        """Check everything that can be checked before the first step."""
        conf = context["dag_run"].conf
        check_whole(context, self.plan)
        self.log.info("Admitting %s", self.plan.manifest)
        with final_unless_unreachable():
            self._check_graph(context)
            check_asked_for(self.plan_digest, conf)
            self._check_alone(context)
            self._check_conf(conf)
        self.log.info("Admitted %s, plan %s", self.plan.manifest, self.plan_digest)
        left_out = self._left_out(context)
        if left_out:
            raise DownstreamTasksSkipped(tasks=left_out)

    def _check_conf(self, conf: Mapping[str, Any] | None) -> None:
        if self.destroys:
            check_confirmed(ObjectRef.parse(self.plan.manifest).name, conf)
            return
        overrides = run_overrides(self.plan, conf)
        check_run_overrides(self.plan, overrides, Settings.from_environment(os.environ).limits)
        part = run_slice(self.plan, conf)
        self.log.info("Overrides: %s", ", ".join(overrides) or "none")
        self.log.info("Patterns: %s", ", ".join(part.groups) if part else "all")
        self._check_standings()

    def _left_out(self, context: Context) -> list[str]:
        """
        Return the tasks that the run is not about, if these are known before anybody is asked.

        Named one by one: a step does not mind that what it waits for was skipped. An approval needs the preview anyway.
        """
        if self.destroys or self.plan.approval.is_asked:
            return []
        conf = context["dag_run"].conf
        if run_action(conf) is RunAction.APPLY:
            return [naming.PREVIEW_TASK_ID, *tasks_left_out(self.plan, conf)]
        beside = {self.task_id, naming.PREVIEW_TASK_ID, naming.plan_marker(self.plan_digest)}
        return sorted(set(context["dag"].task_ids) - beside)

    def _check_graph(self, context: Context) -> None:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=self.dag_id, run_ids=[ti.run_id])
        check_graph(set(context["dag"].task_ids), set(states.get(ti.run_id, {})))
        pinned = pinned_digest(getattr(ti, "bundle_instance", None), ObjectRef.parse(self.plan.manifest).name)
        check_digest(self.plan_digest, pinned)

    def _check_alone(self, context: Context) -> None:
        name = ObjectRef.parse(self.plan.manifest).name
        dags = (naming.dag_id(name), naming.destroy_dag_id(name))
        counts = {dag: context["ti"].get_dr_count(dag_id=dag, states=["running"]) for dag in dags}
        others = sum(counts.values()) - 1
        if others > 0:
            raise Refused(f"{others} other run(s) of {' or '.join(dags)} work on the same state: wait until they end")

    def _check_standings(self) -> None:
        try:
            found = self._ask_catalog()
        except Unreachable as error:
            self.log.warning("%s: revocations are not checked; the run goes on with its pinned snapshot", error)
            return
        for warning in found.warnings:
            self.log.warning("%s", warning)
        if found.revoked:
            raise Refused("; ".join(found.revoked), revoked=found.revoked)

    def _ask_catalog(self) -> Standings:
        from mcop_airflow.pinned import standings
        from mcop_core.compiler.snapshot import pinned_objects

        refs = pinned_objects(self.plan)
        return standings(refs, self.open_catalog(Settings.from_environment(os.environ)).get_many(refs))


def check_graph(expected: Collection[str], found: Collection[str]) -> None:
    """
    Compare the task ids of the pinned DAG with those of the run.

    Raises:
        Refused: They differ; says in which ids.
    """
    surplus, missing = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
    if not surplus and not missing:
        return
    raise Refused(
        "this run was created from the graph of another plan than the snapshot it is pinned to: "
        f"the run alone has {_listed(surplus)}; the snapshot alone has {_listed(missing)}. "
        "Nothing was applied. Trigger a new run.",
        surplus=tuple(surplus),
        missing=tuple(missing),
    )


def _listed(ids: list[str]) -> str:
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return (", ".join(ids[:_SHOWN]) + more) or "nothing"


def check_digest(built: str, pinned: str | None) -> None:
    """
    Compare the digest of the plan that the DAG was built from with the pinned snapshot's (None: none is pinned).

    Raises:
        Refused: They differ.
    """
    if pinned is not None and built != pinned:
        raise Refused(f"the DAG was built from plan {built}, but the pinned snapshot holds plan {pinned}")


def check_asked_for(digest: str, conf: Mapping[str, Any] | None) -> None:
    """
    Compare the digest of a run's plan with the one that its conf asks for, if it asks for one.

    Raises:
        Refused: They differ.
    """
    wanted = (conf or {}).get(PLAN_KEY)
    if wanted not in (None, digest):
        raise Refused(
            f"this run was asked for with plan {wanted}, but Airflow created it from plan {digest}, which was the "
            "active one in between. Nothing was applied. Trigger a new run."
        )


def pinned_digest(bundle: Any, manifest: str) -> str | None:
    """Return the digest that the run's *bundle* pins for *manifest*; None if it is no CatalogBundle."""
    from mcop_airflow.bundle import CatalogBundle

    return bundle.plan_digest(manifest) if isinstance(bundle, CatalogBundle) else None


def check_confirmed(name: str, conf: Mapping[str, Any] | None) -> None:
    """
    Make sure that a run's conf names the manifest that it is to destroy, and nothing that it cannot override.

    Raises:
        Refused: It does not.
    """
    given = dict(conf or {})
    if given.get(CONFIRM_KEY) != name:
        raise Refused(f"to destroy what {name} deployed, give {CONFIRM_KEY} = {name}")
    unknown = sorted(set(given) - {CONFIRM_KEY, ACTION_KEY, REQUESTER_KEY})
    if unknown:
        raise Refused(f"{', '.join(unknown)}: a destruction takes no overrides")


def check_run_overrides(plan: DeploymentPlan, overrides: dict[str, Any], limits: Limits = USUAL_LIMITS) -> None:
    """
    Check a run's overrides: known names, sizes, types, rules.

    Raises:
        InvalidDocuments: Every fault.
    """
    from mcop_core.compiler.resolution import check_overrides

    faults = check_overrides(plan, overrides, limits)
    if faults:
        raise InvalidDocuments.of(faults)
