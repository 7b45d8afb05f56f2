"""
The rights in the words of Airflow's role-based auth managers, such as the one of Flask AppBuilder.

A role needs permissions on each DAG, which the DAG brings along as its `access_control`, and on the kinds of things
that DAGs have (runs, task instances, required actions), which an administrator gives it once. Airflow asks for both.
Source: `is_authorized_dag` of apache-airflow-providers-fab.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypedDict

from mcop_core.access.rules import Grants, Right

Permissions = Mapping[str, frozenset[str]]
"""Resource, `DAG Runs` -> actions, `can_read`."""

DAG, RUN, TASK, QUESTION = "DAGs", "DAG Runs", "Task Instances", "HITL Detail"
READ, EDIT, CREATE, DELETE, MENU = "can_read", "can_edit", "can_create", "can_delete", "menu_access"

_STARTS: Permissions = {DAG: frozenset({READ, EDIT}), RUN: frozenset({READ, CREATE})}
_READS: Permissions = {DAG: frozenset({READ}), RUN: frozenset({READ})}
_ANSWERS: Permissions = {DAG: frozenset({READ, EDIT}), RUN: frozenset({READ})}

_WATCHES: Permissions = {
    **dict.fromkeys((RUN, TASK, QUESTION, "Website", "Task Logs", "XComs"), frozenset({READ})),
    **dict.fromkeys(("DAG Code", "DAG Versions", "DAG Warnings", "ImportError"), frozenset({READ})),
    **dict.fromkeys(("My Profile", "My Password"), frozenset({READ, EDIT})),
    **dict.fromkeys((DAG, "Browse"), frozenset({MENU})),
}
_OPERATES: Permissions = {RUN: frozenset({EDIT}), TASK: frozenset({CREATE, EDIT, DELETE})}


class RolePermission(TypedDict):
    """What one role may do with one kind of thing, as `airflow roles import` reads it; actions joined by commas."""

    name: str
    resource: str
    action: str


def dag_permissions(grants: Grants, *, destroys: bool = False, asks: bool = True) -> dict[str, dict[str, set[str]]]:
    """
    Return the `access_control` of a DAG, role -> resource -> actions, for those with *grants* on it.

    Args:
        destroys: Whether it is one that destroys: what a manifest deployed, or workers.
        asks: Whether its tasks ask people; who only approves has nothing to do in one that does not.
    """
    starts = Right.DESTROY if destroys else Right.EXECUTE
    means = {Right.VIEW: _READS, Right.APPROVE: _ANSWERS if asks else _READS, starts: _STARTS}
    return {
        role: {resource: set(actions) for resource, actions in _joined([means.get(one, _READS) for one in rights])}
        for role, rights in sorted(grants.items())
    }


def role_permissions(grants: Grants) -> list[RolePermission]:
    """Return what each role needs on kinds of things, beside its permissions on DAGs."""
    operates = {Right.EXECUTE, Right.DESTROY}
    return [
        RolePermission(name=role, resource=resource, action=",".join(sorted(actions)))
        for role, rights in sorted(grants.items())
        for resource, actions in _joined(
            [
                _WATCHES,
                *([_OPERATES] if rights & operates else []),
                *([{QUESTION: frozenset({EDIT})}] if Right.APPROVE in rights else []),
            ]
        )
    ]


def _joined(parts: Collection[Permissions]) -> list[tuple[str, set[str]]]:
    found: dict[str, set[str]] = {}
    for part in parts:
        for resource, actions in part.items():
            found.setdefault(resource, set()).update(actions)
    return sorted(found.items())
