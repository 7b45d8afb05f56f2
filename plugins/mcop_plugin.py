"""What MCOP registers with Airflow: its API, the log of refused actions, and its pools."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from mcop_airflow.refusals import RefusalLog

API_PREFIX = "/mcop/api/v1"


class LazyApi:
    """The API as an ASGI app; every process of Airflow loads plugins, and only the API server needs FastAPI."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        from mcop_airflow.api import app

        await app(scope, receive, send)


class PoolMaker:
    """Makes the pools of `MCOP_POOLS` when the scheduler starts, before it lets anything wait for them."""

    @hookimpl
    def on_starting(self, component: Any) -> None:
        """
        Called by the scheduler, and alike by Airflow's other jobs, which do not say yet what they are, and by tasks.

        Airflow logs what is raised here, and goes on; the DAGs then show the same as their import error.
        """
        if type(component).__name__ == "Job":  # imported, its module would cost every task a second
            from mcop_airflow.pools import make_pools

            make_pools()


class McopPlugin(AirflowPlugin):
    """The plugin's entry in Airflow's list."""

    name = "mcop"
    listeners: ClassVar[list[Any]] = [PoolMaker()]
    fastapi_apps: ClassVar[list[Any]] = [{"app": LazyApi(), "url_prefix": API_PREFIX, "name": "MCOP"}]
    fastapi_root_middlewares: ClassVar[list[Any]] = [{"middleware": RefusalLog, "name": "MCOP: refused actions"}]
