"""
Airflow for one execution, on the caller's own cloud: what `mcop once` runs a manifest with.

It is the embedded stack without its emulator: the same scheduler, the same tasks, the same runner, so that what a
container does for one manifest is what an Airflow of many does for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mcop_core.embedded.home import ADMIN, load_secrets
from mcop_core.embedded.stack import Stack
from mcop_core.embedded.tools import Tool
from mcop_core.settings import PREFIX, SECRET_PREFIX, Settings


class Alone(Stack):
    """
    The four parts of Airflow and nothing else; the catalog and the cloud are those of the inherited environment.

    Every setting that is given holds, but for where Airflow is, which is this one, and for what would begin by itself:
    nothing runs here but the one execution. Tasks get the whole inherited
    environment: it was put together for them.
    """

    def _settings(self, tool: Tool) -> Settings:
        from mcop_core.engines.terraform.providers import find_mirror

        given = Settings.from_environment(self._inherited)
        known = load_secrets(self.home)
        return replace(
            given,
            terraform=str(tool.path),
            terraform_plugin_mirror=str(find_mirror(given.terraform_plugin_mirror) or ""),
            drift_schedule="",
            reconcile_schedule="",
            record_key=given.record_key or known.records,
            airflow_url=self.url,
            airflow_username=ADMIN,
            airflow_password=known.password,
            airflow_token="",
        )

    def _open_cloud(self, base: Mapping[str, str]) -> None:
        """Start nothing: the cloud is there."""

    def _prepare_cloud(self, settings: Settings, buckets: Mapping[str, str]) -> None:
        """Make nothing: tables and buckets are the caller's."""

    def _cloud(self) -> dict[str, str]:
        secrets = {name for name in self._inherited if name.startswith(SECRET_PREFIX)}
        ours = {name for name in self._inherited if name.startswith((PREFIX, "AIRFLOW_"))} - secrets
        return {name: value for name, value in self._inherited.items() if name not in ours | _OF_THE_CALLER}

    def _profile(self, settings: Settings) -> dict[str, str]:
        return {"MCOP_AIRFLOW_URL": settings.airflow_url}


_OF_THE_CALLER = frozenset({"PATH", "HOME", "VIRTUAL_ENV", "NO_PROXY", "no_proxy"})
"""Variables that `local_environment` gives in a form of its own."""
