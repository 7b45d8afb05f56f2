"""
The DAG factory: a `DeploymentPlan` in, two Airflow DAGs out, to deploy it and to destroy what it deployed.

A pattern is a TaskGroup; a step is a render task and an apply task, or one that destroys it.

`admit` comes first, then the preview and its approval if the manifest asks for one, then the groups. Nothing in a
DAG is random, dated or named after a snapshot: the same plan gives the same serialised DAG, byte for byte, so that an
unchanged manifest never gets a new DAG version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, TaskGroup, chain, get_parsing_context

from mcop_airflow import documentation
from mcop_airflow.access import access_control
from mcop_airflow.admit import AdmitOperator
from mcop_airflow.operators.apply import ApplyPrimitiveOperator
from mcop_airflow.operators.approve import ApproveOperator
from mcop_airflow.operators.destroy import DestroyPrimitiveOperator, RemoveOperator
from mcop_airflow.operators.preview import PreviewOperator
from mcop_airflow.operators.render import RenderPrimitiveOperator
from mcop_airflow.pools import bounds
from mcop_airflow.run_conf import destroy_params, params
from mcop_core.compiler.plan import DeploymentPlan, PatternGroup, Step, WorkflowGroup
from mcop_core.executions import naming
from mcop_core.pools import step_pools
from mcop_core.refs import ObjectRef, StepRef

StepTasks = Mapping[str, tuple[RenderPrimitiveOperator, ApplyPrimitiveOperator]]
"""Step id -> its render and its apply task."""


def build_dag(plan: DeploymentPlan, digest: str = "") -> DAG:
    """
    Build the DAG that deploys *plan*.

    Args:
        digest: The plan's digest if it is known already; computing it costs as much as reading the plan.
    """
    digest = digest or plan.digest
    with _dag(plan, digest) as dag:
        admit = _admit(plan, digest)
        opened = _preview_tasks(plan, admit)
        pools = step_pools(plan, bounds())
        workflows = [_workflow(plan, workflow, pools) for workflow in plan.workflows]
        tasks = {task_id: pair for found in workflows for task_id, pair in found.items()}
        _draw_edges(opened, plan, tasks)
        remove = RemoveOperator(plan=plan, is_held=plan.approval.is_asked, owner=plan.namespace)
        # All of them: in a slice the last ones are skipped ahead, and a failure before them must not go unseen.
        remove.set_upstream([apply for _, apply in tasks.values()])
    # Not before there are tasks: Airflow would copy all of them into each task, and so into what it stores.
    dag.params = params(plan)
    return dag


def build_destroy_dag(plan: DeploymentPlan, digest: str = "") -> DAG:
    """Build the DAG that destroys what the manifest of *plan* deployed, in reverse order; arguments as `build_dag`."""
    digest = digest or plan.digest
    with _dag(plan, digest, destroys=True) as dag:
        admit = _admit(plan, digest, destroys=True)
        preview = PreviewOperator(plan=plan, destroys=True, owner=plan.namespace)
        approve = ApproveOperator(plan=plan, destroys=True, owner=plan.namespace)
        remove = RemoveOperator(plan=plan, is_held=True, owner=plan.namespace)
        chain(admit, preview, approve, remove)
        _draw_reverse_edges(remove, plan, _destroy_tasks(plan))
    dag.params = destroy_params(ObjectRef.parse(plan.manifest).name)
    return dag


def _dag(plan: DeploymentPlan, digest: str, *, destroys: bool = False) -> DAG:
    name_of = naming.destroy_dag_id if destroys else naming.dag_id
    return DAG(
        name_of(ObjectRef.parse(plan.manifest).name),
        description=documentation.tooltip(plan.description, plan.manifest),
        doc_md=documentation.plan_doc(plan, digest),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=_tags(plan, digest),
        access_control=access_control(plan.namespace, destroys=destroys),
    )


def _admit(plan: DeploymentPlan, digest: str, *, destroys: bool = False) -> AdmitOperator:
    """Make the first task, and the one beside it that names the plan."""
    admit = AdmitOperator(plan=plan, plan_digest=digest, destroys=destroys, owner=plan.namespace)
    marker = EmptyOperator(
        task_id=naming.plan_marker(digest),
        task_display_name=f"plan {digest[:12]}",
        doc_md="Names the plan that this run's graph was made of. It does nothing.\n",
        owner=plan.namespace,
    )
    admit.set_downstream(marker)
    return admit


def _preview_tasks(plan: DeploymentPlan, admit: AdmitOperator) -> BaseOperator:
    """
    Make the tasks between `admit` and the groups, and return the one that opens these.

    Where nobody is asked the preview stands beside the groups, and `admit` skips what the run is not about.
    """
    preview = PreviewOperator(plan=plan, owner=plan.namespace)
    admit.set_downstream(preview)
    if not plan.approval.is_asked:
        return admit
    approve = ApproveOperator(plan=plan, owner=plan.namespace)
    preview.set_downstream(approve)
    return approve


def build_dags_from_file(path: Path, dag_id: str | None = None) -> dict[str, DAG]:
    """
    Build the DAGs of the plan in the file *path*, whose bytes are the plan's canonical JSON: DAG id -> DAG.

    Args:
        dag_id: The one that is needed; by default what Airflow says it parses the file for, and else both.
    """
    data = path.read_bytes()
    plan, digest = DeploymentPlan.model_validate_json(data), hashlib.sha256(data).hexdigest()
    name, wanted = ObjectRef.parse(plan.manifest).name, dag_id or get_parsing_context().dag_id
    builders = {naming.dag_id(name): build_dag, naming.destroy_dag_id(name): build_destroy_dag}
    return {id_: build(plan, digest) for id_, build in builders.items() if wanted in {id_, None}}


def _tags(plan: DeploymentPlan, digest: str) -> set[str]:
    providers = {f"provider:{step.provider}" for step in plan.steps}
    return {"mcop", f"namespace:{plan.namespace}", naming.plan_tag(digest), *providers}


def _workflow(plan: DeploymentPlan, workflow: WorkflowGroup, pools: Mapping[str, str]) -> StepTasks:
    with TaskGroup(
        naming.workflow_group_id(workflow.id),
        tooltip=documentation.tooltip(workflow.description, workflow.workflow),
        doc_md=documentation.workflow_doc(workflow),
    ):
        return {step_id: pair for group in workflow.groups for step_id, pair in _pattern(plan, group, pools).items()}


def _pattern(plan: DeploymentPlan, group: PatternGroup, pools: Mapping[str, str]) -> StepTasks:
    with TaskGroup(
        group.id.partition(".")[2],
        tooltip=documentation.tooltip(group.description, group.pattern),
        doc_md=documentation.pattern_doc(group),
    ):
        return {step.id: _step(plan, step, _in_pool(pools, step)) for step in group.steps}


def _in_pool(pools: Mapping[str, str], step: Step) -> dict[str, str]:
    """Return the argument that puts a step's operation in its pool; none where there is none."""
    return {"pool": pools[step.id]} if step.id in pools else {}


def _step(
    plan: DeploymentPlan, step: Step, pool: Mapping[str, str]
) -> tuple[RenderPrimitiveOperator, ApplyPrimitiveOperator]:
    element, owner = StepRef(*step.id.split(".")).element, plan.namespace
    render = RenderPrimitiveOperator(
        task_id=f"{naming.StepTask.RENDER}_{element}",
        plan=plan,
        step=step,
        owner=owner,
        doc_md=documentation.render_doc(step),
    )
    apply = ApplyPrimitiveOperator(
        task_id=f"{naming.StepTask.APPLY}_{element}",
        plan=plan,
        step=step,
        owner=owner,
        doc_md=documentation.apply_doc(step),
        **pool,
    )
    render.set_downstream(apply)
    return render, apply


def _destroy_tasks(plan: DeploymentPlan) -> dict[str, DestroyPrimitiveOperator]:
    pools = step_pools(plan, bounds())
    found: dict[str, DestroyPrimitiveOperator] = {}
    for workflow in plan.workflows:
        with TaskGroup(naming.workflow_group_id(workflow.id)):
            for group in workflow.groups:
                with TaskGroup(group.id.partition(".")[2]):
                    found |= {step.id: _destroy(plan, step, _in_pool(pools, step)) for step in group.steps}
    return found


def _destroy(plan: DeploymentPlan, step: Step, pool: Mapping[str, str]) -> DestroyPrimitiveOperator:
    return DestroyPrimitiveOperator(
        task_id=f"{naming.StepTask.DESTROY}_{StepRef(*step.id.split('.')).element}",
        plan=plan,
        step=step,
        owner=plan.namespace,
        doc_md=documentation.destroy_doc(step),
        **pool,
    )


def _draw_reverse_edges(
    first: BaseOperator, plan: DeploymentPlan, tasks: Mapping[str, DestroyPrimitiveOperator]
) -> None:
    for step_id, earlier in predecessors(plan).items():
        for other in earlier:
            tasks[step_id].set_downstream(tasks[other])
    for task in tasks.values():
        if not task.upstream_task_ids:
            first.set_downstream(task)


def _draw_edges(opened: BaseOperator, plan: DeploymentPlan, tasks: StepTasks) -> None:
    for step_id, earlier in predecessors(plan).items():
        tasks[step_id][0].set_upstream([tasks[other][1] for other in earlier] or opened)


def predecessors(plan: DeploymentPlan) -> dict[str, tuple[str, ...]]:
    """
    Return step id -> the steps that must have been applied before it is rendered, sorted.

    A reference orders two steps. A sequence of groups orders the last steps of one and the first of the next.
    """
    groups = {group.id: group for workflow in plan.workflows for group in workflow.groups}
    found = {step.id: set(step.after) for step in plan.steps}
    for group_id, earlier_ids in direct_predecessors(list(groups.values())).items():
        last = [step for earlier in earlier_ids for step in last_steps(groups[earlier])]
        for step in first_steps(groups[group_id]):
            found[step].update(last)
    return {step: tuple(sorted(earlier)) for step, earlier in found.items()}


def first_steps(group: PatternGroup) -> list[str]:
    """Return the steps of *group* that wait for no other step of it."""
    own = {step.id for step in group.steps}
    return [step.id for step in group.steps if own.isdisjoint(step.after)]


def last_steps(group: PatternGroup) -> list[str]:
    """Return the steps of *group* for which no other step of it waits."""
    awaited = {earlier for step in group.steps for earlier in step.after}
    return [step.id for step in group.steps if step.id not in awaited]


def direct_predecessors(groups: Sequence[PatternGroup]) -> dict[str, tuple[str, ...]]:
    """Return group id -> the groups it waits for, without those that another one of them waits for anyway."""
    after = {group.id: group.after for group in groups}
    before: dict[str, frozenset[str]] = {}
    for group_id in TopologicalSorter(after).static_order():
        before[group_id] = frozenset(after[group_id]).union(*(before[earlier] for earlier in after[group_id]))
    return {
        group_id: tuple(one for one in earlier if not any(one in before[other] for other in earlier))
        for group_id, earlier in after.items()
    }
