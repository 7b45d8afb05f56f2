"""What MCOP registers with Airflow: its API, and the log of refused actions."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from mcop_airflow.refusals import RefusalLog

API_PREFIX = "/mcop/api/v1"


class LazyApi:
    """The API as an ASGI app; every process of Airflow loads plugins, and only the API server needs FastAPI."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        from mcop_airflow.api import app

        await app(scope, receive, send)


class McopPlugin(AirflowPlugin):
    """The plugin's entry in Airflow's list."""

    name = "mcop"
    fastapi_apps: ClassVar[list[Any]] = [{"app": LazyApi(), "url_prefix": API_PREFIX, "name": "MCOP"}]
    fastapi_root_middlewares: ClassVar[list[Any]] = [{"middleware": RefusalLog, "name": "MCOP: refused actions"}]
