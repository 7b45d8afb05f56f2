"""
The DAGs of the live catalog, for an Airflow with a plain DAGs folder.

Where a `CatalogBundle` is configured it does better (runs stay pinned, a broken manifest is an import error of its
own), and the plain folder stands aside.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.sdk import DAG, get_parsing_context

from mcop_airflow.dag_factory import build_dags_from_file
from mcop_airflow.snapshot_folder import broken_manifests, plan_digests, plan_file
from mcop_airflow.snapshot_source import SnapshotSource
from mcop_core.bootstrap import open_repository, open_store
from mcop_core.executions import naming
from mcop_core.settings import Settings

BUNDLE_CLASS = "mcop_airflow.bundle.CatalogBundle"
LIVE = "live"

log = logging.getLogger(__name__)


def has_catalog_bundle(bundles: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of *bundles*, as `[dag_processor] dag_bundle_config_list` has them, is a CatalogBundle."""
    return any(bundle.get("classpath") == BUNDLE_CLASS for bundle in bundles)


def plain_folder_dags() -> dict[str, DAG]:
    """
    Return what the DAG factory's file in a plain DAGs folder has to bring: nothing beside a CatalogBundle.

    At the start of a task it is that task's DAG alone.

    Raises:
        McopError: As `live_dags`.
    """
    if has_catalog_bundle(conf.getjson("dag_processor", "dag_bundle_config_list") or []):
        return {}
    return live_dags(Settings.from_environment(os.environ), get_parsing_context().dag_id)


def live_dags(settings: Settings, dag_id: str | None = None) -> dict[str, DAG]:
    """
    Build the DAGs of the catalog's current snapshot, or of the last good one in the cache folder.

    Args:
        dag_id: Build this one alone; what a task that starts needs.

    Returns:
        DAG id -> DAG. A manifest that does not compile is logged and left out.

    Raises:
        McopError: The catalog cannot be used and no earlier snapshot lies on this machine.
    """
    source = SnapshotSource(
        Path(settings.cache_dir) / LIVE,
        open_repository(settings),
        open_store(settings.artifact_store),
        audit_s=settings.catalog_audit_s if dag_id is None else math.inf,
    )
    folder = source.folder_of(source.current())
    for name, error in sorted(broken_manifests(folder).items()):
        log.error("Manifest %s has no DAG: %s", name, error)
    known = plan_digests(folder)
    chosen = known if dag_id is None else {naming.manifest_of(dag_id)} & set(known)
    return {id_: dag for name in chosen for id_, dag in build_dags_from_file(plan_file(folder, name), dag_id).items()}
