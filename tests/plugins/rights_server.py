"""
An Airflow API server with roles: `python -m tests.plugins.rights_server RULES USERS PORT`.

A process of its own, since an auth manager is chosen once per process. It holds the DAGs of one manifest for each
namespace and one run for each user, whose task `approve` waits for a person, and MCOP's own DAGs, with a run of
`mcop_workers` and of `mcop_inventory` for each user; nothing is scheduled.

RULES is the file of the access rules, USERS a JSON object, user -> roles; a user's password is the user's name.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMESPACES = ("billing", "shipping", "storefront")
WITH_RUNS = {"mcop_workers": {"action": "list", "cloud": "ocean"}, "mcop_inventory": {}}
"""DAG of MCOP's own that each user has a run of -> the run's conf."""


def serve(rules: str, users: dict[str, list[str]], port: int) -> None:
    """Set everything up, then serve until the process is stopped."""
    os.environ["AIRFLOW__CORE__AUTH_MANAGER"] = "mcop_airflow.auth_manager.GroupFabAuthManager"
    os.environ["MCOP_ACCESS"] = rules
    from tests.plugins import airflow_home  # sets AIRFLOW_HOME before anything imports airflow

    os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(ROOT / "plugins")
    os.environ["MCOP_ARTIFACT_STORE"] = f"file://{airflow_home.HOME}/store"
    from airflow.utils.db import initdb

    initdb()
    add_users(users)
    add_dags(airflow_home.DAGS, sorted(users))

    import uvicorn
    from airflow.api_fastapi.app import create_app

    uvicorn.run(create_app("all"), host="127.0.0.1", port=port, log_level="warning")


def add_users(users: dict[str, list[str]]) -> None:
    """Add the roles that `mcop access roles` prints, and the users; `admin` has Airflow's own role Admin."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    from mcop_core.access.permissions import role_permissions
    from mcop_core.access.rules import load_rules

    roles: dict[str, list[tuple[str, str]]] = {}
    for one in role_permissions(load_rules(Path(os.environ["MCOP_ACCESS"])).roles()):
        roles.setdefault(one["name"], []).extend((action, one["resource"]) for action in one["action"].split(","))
    with get_application_builder() as builder:
        builder.sm.sync_roles()
        builder.sm.bulk_sync_roles([{"role": name, "perms": permissions} for name, permissions in roles.items()])
        for name, held in {**users, "admin": ["Admin"]}.items():
            found = [builder.sm.find_role(role) for role in held]
            assert all(found), (name, held)
            assert builder.sm.add_user(name, name, "Test", f"{name}@example.org", found, name)


def add_dags(folder: Path, users: list[str]) -> None:
    """Store the DAGs of each namespace's manifest and of MCOP itself, and the runs."""
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState

    from mcop_airflow.dag_factory import build_dag
    from mcop_core.catalog.models import ApprovalPolicy
    from tests.plugins import scheduling
    from tests.plugins.plans import group, plan_of, step, workflow

    for namespace in NAMESPACES:
        steps = workflow("w", group("w.p", step("w.p.a")))
        policy = ApprovalPolicy(when="always")
        plan = plan_of(steps, manifest=f"manifest#{namespace}@1.0.0", namespace=namespace, approval=policy)
        scheduling.store_plan(plan)
        for user in users:
            scheduling.create_run(build_dag(plan), user, datetime.now(UTC))
    system = folder / "system"
    system.mkdir()
    for name in ("mcop_execute", "mcop_drift", "mcop_reconcile", *WITH_RUNS):
        (system / f"{name}.py").write_bytes((ROOT / "dags" / f"{name}.py").read_bytes())
    stored = scheduling.store_dags(system)
    assert not stored.import_errors
    for name, conf in WITH_RUNS.items():
        for user in users:
            scheduling.create_run(stored.dags[name], user, datetime.now(UTC), conf=conf)
    with create_session() as session:
        from airflow.models.taskinstance import TaskInstance

        for waiting in session.query(TaskInstance).filter_by(task_id="approve"):
            waiting.state = TaskInstanceState.DEFERRED
            session.add(question_for(waiting))


def question_for(waiting):
    """Return what the task *waiting* asks: in `storefront` of the group `approvers`, elsewhere of whom Airflow lets."""
    from airflow.models.hitl import HITLDetail

    from mcop_core.approvals import may_answer
    from mcop_core.catalog.models import ApprovalPolicy

    policy = ApprovalPolicy(when="always", groups=("approvers",) if "storefront" in waiting.dag_id else ())
    assigned = [{"id": one, "name": one} for one in may_answer(policy, "tester")]
    options = ["Approve", "Reject"]
    return HITLDetail(
        ti_id=waiting.id, options=options, subject="May it?", multiple=False, params={}, assignees=assigned or None
    )


if __name__ == "__main__":
    serve(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]))
