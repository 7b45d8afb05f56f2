"""
Refused actions in Airflow's audit log, beside the allowed ones that Airflow writes there itself.

Airflow writes an action down once it has let somebody do it; who tried in vain would leave no trace. Of what only
looks, MCOP's own API alone counts: Airflow's UI asks by itself for much that its user may not see.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Every process of Airflow loads plugins, and only the API server needs Starlette: it is imported where it is used.

EVENT = "refused"
_FORBIDDEN = 403
_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})
_MCOP = "/mcop/api/"
_DAG = re.compile(r"/(?:dags|executions)/(?P<dag>[\w.-]{1,250})(?:/|$)", re.ASCII)
"""Of a DAG's id no more than its column takes: what the database refuses would leave no trace."""

_LONGEST = 500


class RefusalLog:
    """ASGI middleware: writes down who was refused (403) an action that changes something, or a look at executions."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, then write it down if it was refused."""
        refused = False

        async def watch(message: Message) -> None:
            nonlocal refused
            refused = refused or message.get("status") == _FORBIDDEN
            await send(message)

        await self.app(scope, receive, watch)
        if refused and scope["type"] == "http" and (scope["method"] not in _LOOKS or _MCOP in scope["path"]):
            await write_down(scope)


async def write_down(scope: Scope) -> None:
    """Write a refused request into the audit log; one whose token is nobody's leaves nothing to write down."""
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request

    request = Request(scope)
    user = await _user(request)
    if user is not None:
        path = f"{request.url.path}?{request.url.query}".removesuffix("?")
        await run_in_threadpool(_insert, user.get_name(), request.method, path)


async def _user(request: Request) -> Any:
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
    from starlette.exceptions import HTTPException

    try:
        return await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return None


def _insert(user: str, method: str, path: str) -> None:
    from airflow.models import Log
    from airflow.utils.session import create_session

    found = _DAG.search(path)
    extra = json.dumps({"method": method, "path": path[:_LONGEST]})
    with create_session() as session:
        session.add(Log(event=EVENT, dag_id=found and found["dag"], owner=user, owner_display_name=user, extra=extra))
