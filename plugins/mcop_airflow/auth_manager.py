"""
Airflow's auth manager of Flask AppBuilder, with what it lacks for access rules per namespace.

Set `core.auth_manager = mcop_airflow.auth_manager.GroupFabAuthManager`. The class's name is part of it: Airflow stores
a DAG's permissions only where that setting has `FabAuthManager` in it (`_serialize_dag_capturing_errors`, Airflow 3.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager

from mcop_core.approvals import group_id

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
    from airflow.providers.fab.auth_manager.models import User

_OF_A_RUN = frozenset({DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE})


class GroupFabAuthManager(FabAuthManager):
    """It knows who is in a group that a question is for: its roles are the groups."""

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: User,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """
        As in Flask AppBuilder's, but only who may start a DAG's runs may clear and cancel them.

        Its permission to change runs and tasks is one for all DAGs, and so would reach from a namespace in which
        somebody executes into another in which the same person only approves.
        """
        allowed = super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
        if method in {"GET", "POST"} or access_entity not in _OF_A_RUN or not (details and details.id):
            return allowed
        return allowed and super().is_authorized_dag(
            method="POST", user=user, access_entity=DagAccessEntity.RUN, details=details
        )

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: User) -> bool:
        """Whether *user*, or a role that the user has, is among those whom the question is for."""
        return bool({user.get_id(), *(group_id(role.name) for role in user.roles)} & assigned_users)
