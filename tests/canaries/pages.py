"""Everything that Airflow's API server answers to whoever looks: what the pages of its UI are made of."""

import re
from collections.abc import Iterable, Iterator, Mapping

from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from fastapi.testclient import TestClient

FIXED = {"map_index": "-1", "try_number": "1", "task_try_number": "1", "version_number": "1"}
"""Names in routes that are the same for every task here."""
QUERY = {"start_date": "2020-01-01T00:00:00Z", "limit": "100", "full_content": "true"}
NOT_READ = re.compile(r"/connections|/auth/|/wait$")
"""The secret store itself, logging in and out, and what answers when a run has ended."""
_NAME = re.compile(r"\{(\w+)(?::path)?\}")


class Pages:
    """
    Airflow's whole API server in this process, read as the user `admin`.

    Attributes:
        served: The routes that have answered with something.
    """

    def __init__(self) -> None:
        app: FastAPI = airflow_app.create_app(apps="core")
        user = SimpleAuthManagerUser(username="admin", role="ADMIN")
        headers = {"Authorization": f"Bearer {app.state.auth_manager.generate_jwt(user)}"}
        self._client = TestClient(
            app, base_url="http://airflow.test", headers=headers, raise_server_exceptions=False, follow_redirects=False
        )
        self._routes = [route.path for route in app.routes if "GET" in (getattr(route, "methods", None) or ())]
        self.served: set[str] = set()

    def tasks(self, dag: str, run: str) -> list[str]:
        """Return the ids of a run's tasks."""
        found = self._client.get(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances").json()
        return [one["task_id"] for one in found["task_instances"]]

    def read(self, about: Iterable[Mapping[str, str]]) -> list[str]:
        """Return what every route answers for each of *about*, name in a route or a query -> value."""
        asked: dict[str, tuple[str, Mapping[str, str]]] = {}
        for values in about:
            asked |= {path: (route, values) for route, path in self._paths({**FIXED, **values})}
        return [self._ask(path, route, values) for path, (route, values) in asked.items()]

    def _paths(self, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for route in self._routes:
            if route.startswith(("/api/v2/", "/ui/")) and not NOT_READ.search(route):
                for full in self._with_keys(route, values):
                    if set(_NAME.findall(route)) <= full.keys():
                        yield route, _NAME.sub(lambda found, full=full: full[found[1]], route)

    def _with_keys(self, route: str, values: Mapping[str, str]) -> list[dict[str, str]]:
        """Return *values*, once for each XCom of the task if *route* wants one."""
        if "{xcom_key" not in route or "task_id" not in values:
            return [dict(values)]
        entries = _NAME.sub(lambda found: values[found[1]], route.partition("/{xcom_key")[0])
        found = self._client.get(entries).json().get("xcom_entries", [])
        return [{**values, "xcom_key": entry["key"]} for entry in found]

    def _ask(self, path: str, route: str, values: Mapping[str, str]) -> str:
        wanted = {"dag_ids": values["dag_id"], "run_ids": values.get("run_id", ""), **values, **QUERY}
        answer = self._client.get(path, params={name: value for name, value in wanted.items() if value})
        if answer.status_code == 200:
            self.served.add(route)
        return f"{path} {answer.status_code} {answer.text}"
