"""CatalogBundle: the catalog's snapshots as a versioned Airflow DAG bundle."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

from mcop_airflow.preloading import load_code
from mcop_airflow.snapshot_folder import EMPTY, is_complete, plan_digests

if TYPE_CHECKING:
    from mcop_airflow.snapshot_source import SnapshotSource


class CatalogBundle(BaseDagBundle):
    """
    The DAGs of all manifests at one catalog revision; a run stays pinned to the one it started on.

    Configured by its class path, with a refresh interval in seconds as its one keyword argument. Everything else comes
    from the environment's `MCOP_*` variables. A refresh costs one GetItem. If the catalog or the store cannot be
    reached the last good snapshot stays, after a restart of the process too.
    """

    supports_versioning = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._shown = self.version or ""

    @cached_property
    def _source(self) -> SnapshotSource:
        # Imported here: a task, whose snapshot lies here already, needs neither compiler nor boto3 to begin.
        from mcop_airflow.snapshot_source import SnapshotSource
        from mcop_core.bootstrap import open_repository, open_store
        from mcop_core.settings import Settings

        settings = Settings.from_environment(os.environ)
        return SnapshotSource(
            self.base_dir,
            open_repository(settings),
            open_store(settings.artifact_store),
            audit_s=settings.catalog_audit_s,
        )

    def initialize(self) -> None:
        """
        Put the pinned snapshot, or else the current one, on this machine.

        Raises:
            McopError: It cannot be had, and nothing that could stand in for it lies here.
        """
        if self.version:
            if not is_complete(self.path):
                self._source.fetch(self.version)
        else:
            load_code()  # this is the DAG processor, which forks a process per file
            self.refresh()
        super().initialize()

    def refresh(self) -> None:
        """
        Show the catalog's current snapshot.

        Raises:
            RuntimeError: The bundle is pinned to a version.
        """
        if self.version:
            raise RuntimeError(f"bundle {self.name} is pinned to {self.version} and cannot be refreshed")
        self._shown = self._source.current()

    @property
    def path(self) -> Path:
        """Folder of the DAG files and what they are built from."""
        return self.versions_dir / (self._shown or EMPTY)

    def get_current_version(self) -> BundleVersion | None:
        """Return the digest of the snapshot that is shown; None while there is none."""
        return BundleVersion(self._shown) if self._shown not in ("", EMPTY) else None

    def plan_digest(self, manifest: str) -> str | None:
        """Return the digest of the plan that the shown snapshot holds for *manifest*; None if it holds none."""
        return plan_digests(self.path).get(manifest)
