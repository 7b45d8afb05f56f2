"""Airflow's own routes that MCOP reads, and the plugin's API beside them, in this process and without a network."""

from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.common.dagbag import create_dag_bag
from airflow.api_fastapi.core_api.routes.public.dag_run import dag_run_router
from airflow.api_fastapi.core_api.routes.public.dags import dags_router
from airflow.api_fastapi.core_api.routes.public.task_instances import task_instances_router
from airflow.api_fastapi.core_api.routes.public.xcom import xcom_router
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mcop_core.executions.airflow_api import AirflowApi
from tests.plugins.test_mcop_plugin import load_plugin

SHOPKEEPER = "shopkeeper"
"""A user who may read the DAGs of `shop` alone."""


class ByDag(SimpleAuthManager):
    """Airflow's simple auth manager, but for one user who may read one manifest's DAGs alone."""

    def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
        if user.username == SHOPKEEPER and details and details.id:
            return method == "GET" and details.id.startswith("mcop.shop")
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)


class Airflow:
    """An API server's routes, and users."""

    def __init__(self):
        self.manager = airflow_app._AuthManagerState.instance = ByDag()
        self.app = FastAPI()
        self.app.state.auth_manager, self.app.state.dag_bag = self.manager, create_dag_bag()
        for router in (xcom_router, dags_router, dag_run_router, task_instances_router):  # in Airflow's order
            self.app.include_router(router, prefix="/api/v2")
        for entry in load_plugin().fastapi_apps:
            self.app.mount(entry["url_prefix"], entry["app"])

    def token(self, name, role):
        return self.manager.generate_jwt(SimpleAuthManagerUser(username=name, role=role))

    def client(self, name="", role=None):
        """Return an HTTP client, logged in if *name* says as whom; without a role a user may do nothing."""
        headers = {"Authorization": f"Bearer {self.token(name, role)}"} if name else {}
        return TestClient(self.app, base_url="http://airflow.test", headers=headers, raise_server_exceptions=False)

    def api(self):
        """Return the REST API as MCOP reads it from outside."""
        return AirflowApi(self.client(), token=self.token("admin", "ADMIN"))
