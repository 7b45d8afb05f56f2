"""The secret store `airflow`: Airflow's own connections, `secret://airflow/<connection id>#<field>`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcop_core.bootstrap import open_secrets
from mcop_core.errors import Refused, SecretNotFound
from mcop_core.secrets.stores import key_of

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.engines.artifact import RenderedArtifact
    from mcop_core.runner.request import RunRequest
    from mcop_core.secrets.reference import SecretRef
    from mcop_core.secrets.stores import Environment
    from mcop_core.settings import Settings

STORE = "airflow"
_FIELDS = ("conn_type", "host", "login", "password", "port", "schema")


class AirflowConnections:
    """
    Airflow's connections, wherever Airflow itself finds them.

    In a task that is its API, and so its database; anywhere else the variables `AIRFLOW_CONN_<ID>` and the secrets
    backend that Airflow is configured with. Airflow masks what was read in the task's own log.

    Args:
        environment: Not needed: Airflow reads its own.
    """

    def __init__(self, environment: Environment) -> None: ...

    def get(self, ref: SecretRef) -> str:
        """Return `password`, `login`, `host`, `port`, `schema`, `conn_type`, `uri` or a field of its extra."""
        from airflow.sdk import Connection
        from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSecretsBackendAccessDenied

        try:
            connection = Connection.get(ref.path)
        except AirflowNotFoundException as error:
            raise SecretNotFound(f"{ref}: Airflow has no connection {ref.path!r} that it shows here") from error
        except AirflowSecretsBackendAccessDenied as error:
            raise Refused(f"{ref}: Airflow does not let this task read it") from error
        return key_of(ref, _fields(connection))


def _fields(connection: Any) -> dict[str, Any]:
    own = {name: value for name in _FIELDS if (value := getattr(connection, name)) is not None}
    return {**_extra(connection.extra), **own, "uri": connection.get_uri()}


def _extra(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def connections_of(artifact: RenderedArtifact, namespace: str, settings: Settings) -> Mapping[str, str]:
    """
    Return the values, by reference as text, of all connections that *artifact* refers to.

    Only a task can ask Airflow for them; the runner, which outlives it, gets them handed over.

    Raises:
        NotFound, Refused: Connections that are not there, or that manifests of *namespace* may not read.
    """
    refs = [ref for ref in artifact.secrets if ref.store == STORE]
    found = open_secrets(settings, os.environ)(namespace, refs) if refs else {}
    return {str(ref): value for ref, value in found.items()}


def connections_of_request(store: ObjectStore, request: RunRequest, settings: Settings) -> Mapping[str, str]:
    """Return what a runner of *request* cannot read itself, its artifact being in *store*; see `connections_of`."""
    from mcop_core.engines.artifact import load_artifact

    artifact = load_artifact(store, request.artifact)
    return connections_of(artifact, request.execution["namespace"], settings) if artifact.secrets else {}
