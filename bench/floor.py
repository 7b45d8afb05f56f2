"""
The floor under `bench.dags`: the same DAG as a person would write it, and publish it to the same UI.

The same groups, tasks, edges, retries, Params, pages and tooltips; no plan, no catalog, every text a literal or an
f-string. `run` of `bench.dags` checks that both say the same to Airflow.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, Param, TaskGroup

PATTERNS = 5
ELEMENTS = 2
ZEROS = "0" * 64


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
        super().__init__(retries=2, retry_delay=timedelta(seconds=5), do_xcom_push=False, **kwargs)
        self.step = step


class Apply(BaseOperator):
    """Stands for `ApplyPrimitiveOperator`."""

    template_fields = ()
    ui_color = "#e4f4e4"

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(retries=3, retry_delay=timedelta(seconds=10), do_xcom_push=False, **kwargs)
        self.step = step


class Preview(BaseOperator):
    """Stands for `PreviewOperator`."""

    template_fields = ()
    ui_color = "#efe8fb"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(retries=2, retry_delay=timedelta(seconds=5), do_xcom_push=False, **kwargs)


def build_by_hand(name: str, digest: str, admit_doc: str) -> DAG:
    """Build the DAG of manifest *name*, whose plan has this digest."""
    with DAG(
        f"mcop.{name}",
        description=f"manifest#{name}@1.0.0",
        doc_md=_dag_doc(name, digest),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params={"size": Param("small", description="Type string.", type="string", title="size")},
        tags=["mcop", "namespace:bench", f"plan:{digest[:12]}", "provider:aws"],
    ) as dag:
        admit = Admit(task_id="admit", owner="bench", doc_md=admit_doc)
        marker = EmptyOperator(
            task_id=f"Plan_{digest[:16]}",
            task_display_name=f"plan {digest[:12]}",
            doc_md="Names the plan that this run's graph was made of. It does nothing.\n",
            owner="bench",
        )
        admit >> [marker, Preview(task_id="preview", owner="bench", doc_md=admit_doc)]
        with TaskGroup("main", tooltip="workflow#main@1.0.0", doc_md=_WORKFLOW_DOC):
            last: BaseOperator = admit
            for number in range(PATTERNS):
                last = _pattern(number, last)
    return dag


def _pattern(number: int, last: BaseOperator) -> BaseOperator:
    with TaskGroup(f"pattern{number}", tooltip="pattern#things@1.0.0", doc_md=_PATTERN_DOC):
        for element in range(ELEMENTS):
            step = f"main.pattern{number}.e{element}"
            render = Render(task_id=f"render_e{element}", step=step, owner="bench", doc_md=_render_doc(number, element))
            apply = Apply(task_id=f"apply_e{element}", step=step, owner="bench", doc_md=_apply_doc(number, element))
            last >> render >> apply
            last = apply
    return last


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
