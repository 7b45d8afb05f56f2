"""
The floor under `bench.dags`: the same DAGs as a person would write them, and publish them to the same UI.

The same groups, tasks, edges, retries, Params, pages and tooltips; no plan, no catalog, every text a literal or an
f-string. `run` of `bench.dags` checks that both say the same to Airflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, Param, TaskGroup

PATTERNS = 5
ELEMENTS = 2
ZEROS = "0" * 64
OUTLASTS: dict[str, Any] = {
    "retries": 6,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
}


class Admit(BaseOperator):
    """Stands for `AdmitOperator`."""

    template_fields = ()
    ui_color = "#fdf3d8"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(retries=2, retry_delay=timedelta(seconds=5), do_xcom_push=False, **kwargs)


class Render(BaseOperator):
    """Stands for `RenderPrimitiveOperator`."""

    template_fields = ()
    ui_color = "#e8f1fb"

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(
            retries=2, retry_delay=timedelta(seconds=5), do_xcom_push=False, trigger_rule="none_failed", **kwargs
        )
        self.step = step


class Apply(BaseOperator):
    """Stands for `ApplyPrimitiveOperator`."""

    template_fields = ()
    ui_color = "#e4f4e4"

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(do_xcom_push=False, **OUTLASTS, **kwargs)
        self.step = step


class Preview(BaseOperator):
    """Stands for `PreviewOperator`."""

    template_fields = ()
    ui_color = "#efe8fb"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(retries=2, retry_delay=timedelta(seconds=5), do_xcom_push=False, **kwargs)


class Approve(BaseOperator):
    """Stands for `ApproveOperator`."""

    template_fields = ()
    ui_color = "#fbe8ef"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(retries=2, retry_delay=timedelta(seconds=5), do_xcom_push=False, **kwargs)


class Remove(BaseOperator):
    """Stands for `RemoveOperator`."""

    template_fields = ()
    ui_color = "#fbe3e0"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(do_xcom_push=False, trigger_rule="none_failed", **OUTLASTS, **kwargs)


class Destroy(BaseOperator):
    """Stands for `DestroyPrimitiveOperator`."""

    template_fields = ()
    ui_color = "#fbe3e0"

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(do_xcom_push=False, **OUTLASTS, **kwargs)
        self.step = step


def build_by_hand(name: str, digest: str, pages: Mapping[str, str], wanted: str | None = None) -> list[DAG]:
    """
    Build the DAGs of manifest *name*, whose plan has this digest: the one that deploys, and the one that destroys.

    Args:
        pages: Task id -> page of the tasks that every manifest has.
        wanted: Id of the one that is needed; None for both.
    """
    builders = {f"mcop.{name}": _deploying, f"mcop.{name}.destroy": _destroying}
    return [build(name, digest, pages) for dag_id, build in builders.items() if wanted in {dag_id, None}]


def _deploying(name: str, digest: str, pages: Mapping[str, str]) -> DAG:
    action = {"enum": ["apply", "preview"], "title": "action", "type": "string"}
    words = "apply: make the cloud what the manifest says. preview: only say what that would change."
    params = {
        "action": Param("apply", description=words, schema=action),
        "size": Param("small", description="Type string.", type="string", title="size"),
        **_slice_params(),
    }
    with _dag(f"mcop.{name}", name, digest, params) as dag:
        admit = _admit(digest, pages)
        admit >> Preview(task_id="preview", owner="bench", doc_md=pages["preview"])
        with TaskGroup("main", tooltip="workflow#main@1.0.0", doc_md=_WORKFLOW_DOC):
            last: BaseOperator = admit
            applied: list[BaseOperator] = []
            for number in range(PATTERNS):
                last, its = _pattern(number, last)
                applied += its
        applied >> Remove(task_id="remove", owner="bench", doc_md=pages["remove"])
    return dag


def _destroying(name: str, digest: str, pages: Mapping[str, str]) -> DAG:
    words = "destroy: remove everything that the manifest deployed. preview: only say what that would change."
    action = {"enum": ["destroy", "preview"], "title": "action", "type": "string"}
    confirm = {"type": "string", "pattern": f"^{name}$", "title": "confirm"}
    params = {
        "action": Param("destroy", description=words, schema=action),
        "confirm": Param("", description=f"Type {name} to destroy what it deployed.", schema=confirm),
    }
    with _dag(f"mcop.{name}.destroy", name, digest, params) as dag:
        admit = _admit(digest, pages)
        preview = Preview(task_id="preview", owner="bench", doc_md=pages["preview"])
        approve = Approve(task_id="approve", owner="bench", doc_md=pages["approve"])
        remove = Remove(task_id="remove", owner="bench", doc_md=pages["remove"])
        admit >> preview >> approve >> remove
        made: list[BaseOperator] = []
        with TaskGroup("main"):
            for number in range(PATTERNS):
                with TaskGroup(f"pattern{number}"):
                    made += [_destroy(number, element) for element in range(ELEMENTS)]
        for earlier, later in pairwise(made):
            later >> earlier
        remove >> made[-1]
    return dag


def _destroy(number: int, element: int) -> BaseOperator:
    step = f"main.pattern{number}.e{element}"
    return Destroy(task_id=f"destroy_e{element}", step=step, owner="bench", doc_md=_destroy_doc(number, element))


def _dag(dag_id: str, name: str, digest: str, params: dict[str, Param]) -> DAG:
    return DAG(
        dag_id,
        description=f"manifest#{name}@1.0.0",
        doc_md=_dag_doc(name, digest),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params=params,
        tags=["mcop", "namespace:bench", f"plan:{digest[:12]}", "provider:aws"],
    )


def _admit(digest: str, pages: Mapping[str, str]) -> BaseOperator:
    admit = Admit(task_id="admit", owner="bench", doc_md=pages["admit"])
    marker = EmptyOperator(
        task_id=f"Plan_{digest[:16]}",
        task_display_name=f"plan {digest[:12]}",
        doc_md="Names the plan that this run's graph was made of. It does nothing.\n",
        owner="bench",
    )
    admit >> marker
    return admit


def _pattern(number: int, last: BaseOperator) -> tuple[BaseOperator, list[BaseOperator]]:
    applied: list[BaseOperator] = []
    with TaskGroup(f"pattern{number}", tooltip="pattern#things@1.0.0", doc_md=_PATTERN_DOC):
        for element in range(ELEMENTS):
            step = f"main.pattern{number}.e{element}"
            render = Render(task_id=f"render_e{element}", step=step, owner="bench", doc_md=_render_doc(number, element))
            apply = Apply(task_id=f"apply_e{element}", step=step, owner="bench", doc_md=_apply_doc(number, element))
            last >> render >> apply
            last = apply
            applied.append(apply)
    return last, applied


_WORKFLOW_DOC = "- Workflow: `workflow#main@1.0.0`\n- State backend: `s3`\n"
_PATTERN_DOC = "- Pattern: `pattern#things@1.0.0`\n\n**Parameters**, and what set them\n\n- `size`: pattern default\n"


def _dag_doc(name: str, digest: str) -> str:
    steps = "\n".join(
        f"  - `main.pattern{number}`: `pattern#things@1.0.0`\n"
        + "\n".join(
            f"    - `main.pattern{number}.e{element}`: `primitive#thing@1.0.0` on `adapter#aws-terraform@1.0.0`"
            for element in range(ELEMENTS)
        )
        for number in range(PATTERNS)
    )
    return (
        f"- Manifest: `manifest#{name}@1.0.0`\n- Namespace: `bench`\n- Plan: `{digest}`\n\n"
        f"**What it deploys**\n\n- `main`: `workflow#main@1.0.0`\n{steps}\n\n"
        "Trigger it with a parameter changed to override that parameter for one run.\n"
    )


def _facts(number: int, element: int) -> str:
    after = f"\n- After: `main.pattern{number}.e{element - 1}`" if element else ""
    return (
        "- Primitive: `primitive#thing@1.0.0`\n- Adapter: `adapter#aws-terraform@1.0.0`\n- Engine: `terraform`\n"
        f"- Provider: `aws`\n- Template: `{ZEROS}`{after}\n\n"
    )


def _render_doc(number: int, element: int) -> str:
    name = f"${{e{element - 1}.id}}" if element else "${size}"
    return (
        f"Renders `main.pattern{number}.e{element}`: the files that its apply task runs. Nothing in the cloud "
        f"changes.\n\n{_facts(number, element)}**Inputs**, before references and run overrides\n\n"
        f'```json\n{{\n  "name": "{name}"\n}}\n```\n'
    )


def _apply_doc(number: int, element: int) -> str:
    return (
        f"Applies `main.pattern{number}.e{element}`: makes the cloud what its render task wrote.\n\n"
        f"{_facts(number, element)}**Outputs**, one XCom each\n\n- `id`\n"
    )


def _destroy_doc(number: int, element: int) -> str:
    return (
        f"Destroys `main.pattern{number}.e{element}` with the files it was deployed with, and nothing that the preview "
        f"did not name.\n\n{_facts(number, element).removesuffix(chr(10))}"
    )


def _slice_params() -> dict[str, Param]:
    groups = [f"main.pattern{number}" for number in range(PATTERNS)]
    only = {
        "type": "array",
        "title": "only",
        "examples": groups,
        "items": {"type": "string", "enum": groups},
        "uniqueItems": True,
    }
    return {
        "only": Param([], description="Only these patterns. Left empty: all.", schema=only),
        "with_dependants": Param(
            False,
            description="Beside only: also the patterns that take outputs of those.",
            schema={"type": "boolean", "title": "with_dependants"},
        ),
    }
