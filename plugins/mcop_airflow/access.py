"""What the administrator's access rules say of a DAG, as Airflow takes it: `access_control`."""

from __future__ import annotations

import os
from pathlib import Path

from mcop_core.settings import Settings

AccessControl = dict[str, dict[str, set[str]]]
"""Role -> resource, `DAGs` or `DAG Runs` -> actions."""


def access_control(namespace: str, *, destroys: bool = False) -> AccessControl | None:
    """
    Return who may do what with the DAG of a manifest in *namespace*; None where there are no access rules.

    Args:
        namespace: `ANY_NAMESPACE` for a DAG that belongs to none: one of MCOP's own, which asks people nothing.
        destroys: Whether the DAG destroys: what the manifest deployed, or workers.

    Raises:
        InvalidInput: The file cannot be read, or what it says is wrong: no DAG comes without its rights.
    """
    access = Settings.from_environment(os.environ).access
    if not access:
        return None
    from mcop_core.access.permissions import dag_permissions
    from mcop_core.access.rules import ANY_NAMESPACE, load_rules

    grants = load_rules(Path(access)).grants(namespace)
    return dag_permissions(grants, destroys=destroys, asks=namespace != ANY_NAMESPACE)
