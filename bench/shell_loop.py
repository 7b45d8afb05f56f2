"""What a team without MCOP runs: `terraform init` and `terraform apply` in one folder after the other."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from mcop_core import bootstrap
from mcop_core.compiler.plan import DeploymentPlan, Step
from mcop_core.compiler.resolution import needed_outputs
from mcop_core.engines import state
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.sealed import unseal
from mcop_core.engines.terraform import sealed
from mcop_core.engines.terraform.operate import read_outputs
from mcop_core.engines.terraform.providers import cli_config, find_mirror, terraform_environment
from mcop_core.refs import OutputRef, StepRef
from mcop_core.rendering import render_step
from mcop_core.settings import Settings

_SCRIPT = """
"$TERRAFORM" init -input=false -no-color > init.log 2>&1 &&
"$TERRAFORM" apply -auto-approve -input=false -no-color > apply.log 2>&1
"""


class ShellLoop:
    """
    One folder per step of a plan, below *folder*, and the state of each in the example's own S3 backend.

    The roots are the ones that MCOP renders, `backend.tf.json` included, with the ids of this loop's cloud in them.
    Rendering happens between two timed steps.

    Args:
        environment: What leads to the cloud.
        settings: Of the stack that was measured: the same Terraform, providers and template cache.
    """

    def __init__(self, plan: DeploymentPlan, folder: Path, environment: Mapping[str, str], settings: Settings) -> None:
        self._plan, self._folder, self._settings = plan, folder, settings
        folder.mkdir(parents=True)
        config = folder / "terraform.tfrc"
        config.write_text(cli_config(find_mirror(settings.terraform_plugin_mirror)))
        allowed = terraform_environment(environment, cli_config_file=config)
        self._environment = {**allowed, "TERRAFORM": settings.terraform}
        self._store = bootstrap.open_store(settings.artifact_store)
        self._outputs: dict[OutputRef, Any] = {}
        self._rendering = threading.Lock()

    def one_by_one(self) -> float:
        """Deploy every step in the plan's order, and return the seconds that the commands took."""
        return sum(self._step(step) for step in self._plan.steps)

    def at_once(self, after: Mapping[str, tuple[str, ...]], *, workers: int) -> float:
        """
        Deploy up to *workers* steps at a time, each once those it waits for are done; return the seconds it took.

        Args:
            after: Step id -> the steps that must be done before.
        """
        steps = {step.id: step for step in self._plan.steps}
        order, running = TopologicalSorter(after), dict[Future[float], str]()
        order.prepare()
        start = time.monotonic()
        with ThreadPoolExecutor(workers) as pool:
            while order.is_active():
                running |= {pool.submit(self._step, steps[id_]): id_ for id_ in order.get_ready()}
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    done.result()
                    order.done(running.pop(done))
        return time.monotonic() - start

    def _step(self, step: Step) -> float:
        with self._rendering:
            artifact = self._render(step)
            root = self._write(step, artifact)
            values = unseal(artifact.runtime["sealed"], bootstrap.open_store)
            variables = sealed.variables(values, artifact.runtime["types"])
        start = time.monotonic()
        done = subprocess.run(["/bin/sh", "-c", _SCRIPT], cwd=root, env={**self._environment, **variables}, check=False)
        took = time.monotonic() - start
        if done.returncode:
            raise SystemExit("\n".join(path.read_text() for path in root.glob("*.log")))
        with self._rendering:
            self._collect(step, artifact)
        return took

    def _render(self, step: Step) -> RenderedArtifact:
        wanted = needed_outputs(self._plan, step.id, {})
        return render_step(
            self._plan,
            step.id,
            bootstrap.open_engine(step.engine, self._settings),
            self._store,
            Path(self._settings.cache_dir),
            overrides={},
            outputs={ref: self._outputs[ref] for ref in wanted},
        )

    def _write(self, step: Step, artifact: RenderedArtifact) -> Path:
        root = self._folder / step.id
        for path, data in artifact.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        return root

    def _collect(self, step: Step, artifact: RenderedArtifact) -> None:
        address = state.StateAddress(artifact.runtime["state"]["store"], artifact.runtime["state"]["key"])
        found, _ = state.pull(bootstrap.open_store(address.store), address.key)
        where = StepRef(*step.id.split("."))
        outputs = read_outputs(artifact.runtime["outputs"], found, address)
        self._outputs |= {OutputRef(where, name): value for name, value in outputs.items()}
