"""RenderPrimitiveOperator: resolve what only run time knows, write the artifact."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, TriggerRule

from mcop_airflow.cut_off import check_whole
from mcop_airflow.failures import final_unless_unreachable
from mcop_airflow.run_conf import check_changes, check_in_slice
from mcop_airflow.xcom import pull_outputs
from mcop_core.bootstrap import open_engine, open_store
from mcop_core.compiler.run_conf import run_overrides, run_slice
from mcop_core.executions import naming
from mcop_core.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.compiler.plan import DeploymentPlan, Step
    from mcop_core.engines.artifact import RenderedArtifact
    from mcop_core.hand_over import HandOver
    from mcop_core.refs import OutputRef


class RenderPrimitiveOperator(BaseOperator):
    """
    Render one step of a plan into the artifact store.

    It leaves the artifact's digest in the XCom `artifact`. It changes nothing in the cloud, and rendered again with
    the same values it writes the same bytes. An unreachable store is tried again twice, after 5 seconds each.
    No field is templated: catalog text is never Jinja.

    Args:
        plan: The whole plan; the step's values stand on its scopes.
        step: The step to render.
    """

    template_fields = ()
    ui_color = "#e8f1fb"

    def __init__(self, *, plan: DeploymentPlan, step: Step, **kwargs: object) -> None:
        defaults = {"retries": 2, "retry_delay": timedelta(seconds=5), "do_xcom_push": False}
        # A slice skips the steps around it; what it takes from them is recorded.
        super().__init__(**{"trigger_rule": TriggerRule.NONE_FAILED, **defaults, **kwargs})
        self.plan = plan
        self.step = step

    def execute(self, context: Context) -> None:
        """Render, store, and leave the digest."""
        from mcop_core.artifacts.store import put_once

        settings = Settings.from_environment(os.environ)
        check_changes(context["dag_run"].conf)
        check_in_slice(self.plan, self.step.id, context["dag_run"].conf)
        check_whole(context, self.plan)
        overrides = run_overrides(self.plan, context["dag_run"].conf)
        self.log.info("Rendering %s (%s)", self.step.id, self.step.primitive)
        with final_unless_unreachable():
            store = open_store(settings.artifact_store)
            artifact = self._render(context, settings, store, overrides)
            put_once(store, artifact.key, artifact.to_json())
            self._handed(context, settings, store).rendered(self.step.id, artifact.digest)
        context["ti"].xcom_push(key=naming.ARTIFACT_KEY, value=artifact.digest)
        self.log.info("Rendered %s: %d files, artifact %s", self.step.id, len(artifact.files), artifact.digest)

    def _render(
        self, context: Context, settings: Settings, store: ObjectStore, overrides: dict[str, object]
    ) -> RenderedArtifact:
        # Imported here: the parser builds thousands of these operators and renders with none of them.
        from mcop_core.compiler.resolution import needed_outputs
        from mcop_core.rendering import render_step

        needed = needed_outputs(self.plan, self.step.id, overrides)
        return render_step(
            self.plan,
            self.step.id,
            open_engine(self.step.engine, settings),
            store,
            Path(settings.cache_dir),
            overrides=overrides,
            outputs=self._outputs(context, settings, store, needed),
        )

    def _outputs(
        self, context: Context, settings: Settings, store: ObjectStore, needed: Sequence[OutputRef]
    ) -> dict[OutputRef, Any]:
        """Return what the steps of this run left, and what those last left that it is not about."""
        from mcop_core.recorded import recorded_outputs

        part = run_slice(self.plan, context["dag_run"].conf)
        inside = [ref for ref in needed if part is None or str(ref.step) in part.steps]
        outside = [ref for ref in needed if ref not in inside]
        recorded = recorded_outputs(self.plan, outside, lambda name: open_engine(name, settings), store, open_store)
        pulled = pull_outputs(context["ti"], inside)
        self._handed(context, settings, store).check_applied(pulled)
        return {**pulled, **recorded}

    def _handed(self, context: Context, settings: Settings, store: ObjectStore) -> HandOver:
        from mcop_core.hand_over import HandOver

        return HandOver(store, self.dag_id, context["ti"].run_id, settings.record_key)
