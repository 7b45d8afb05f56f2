"""The composition root: settings in, concrete repository, stores and engines out. Edges are imported inside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mcop_core.errors import InvalidInput

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.repository import CatalogRepository
    from mcop_core.engines.base import Engine
    from mcop_core.engines.workspace import Workspace
    from mcop_core.executions.airflow_api import AirflowApi
    from mcop_core.fleet import Fleet
    from mcop_core.secrets.stores import Environment, Secrets
    from mcop_core.settings import Settings


def open_repository(settings: Settings) -> CatalogRepository:
    """Return the catalog in DynamoDB; region, credentials and endpoint as boto3 finds them."""
    from mcop_core.catalog.dynamodb import DynamoDBRepository

    return DynamoDBRepository(settings.objects_table, settings.rules_table)


def open_store(url: str) -> ObjectStore:
    """
    Return the store at *url*, `s3://bucket[/prefix][?region=…]` or `file:///folder`.

    Raises:
        InvalidInput: Another scheme.
    """
    if url.startswith("s3://"):
        from mcop_core.artifacts.s3 import S3Store

        return S3Store.open(url)
    if url.startswith("file:///"):
        from mcop_core.artifacts.local import LocalStore

        return LocalStore.open(url)
    raise InvalidInput(f"{url!r} is no store: write s3://bucket, s3://bucket/prefix or file:///folder")


def open_engine(name: str, settings: Settings) -> Engine:
    """
    Return the engine registered as *name* (entry points of the group `mcop.engines`).

    Raises:
        UnknownName: Lists the registered ones.
    """
    from mcop_core.engines.adapters import load_engine

    return load_engine(name, settings)


def open_secrets(settings: Settings, environment: Environment, known: Mapping[str, str] | None = None) -> Secrets:
    """
    Return what reads secrets from the stores that are installed (entry points of the group `mcop.secret_stores`).

    Args:
        environment: Where the stores find addresses and credentials.
        known: Values that were read already, by reference as text.

    Raises:
        InvalidInput: The setting `secrets_scopes` cannot be read.
    """
    from mcop_core.secrets.stores import SecretReader, read_scopes

    return SecretReader(environment, read_scopes(settings.secrets_scopes), known).read


@contextmanager
def open_workspace(
    settings: Settings, environment: Mapping[str, str], owner: str, *, cancelled: Callable[[], bool]
) -> Iterator[Workspace]:
    """
    Give a workspace for an engine that only looks, in a folder that is there as long as the `with`.

    Args:
        environment: The engine's, before its allow-list; also where the secret stores find credentials.
        owner: Who looks, for people.
        cancelled: Asked often; once it is true the engine is interrupted.
    """
    from mcop_core.engines.workspace import Workspace

    with tempfile.TemporaryDirectory(prefix="mcop-look-") as folder:
        read_secrets = open_secrets(settings, environment)
        yield Workspace(Path(folder), open_store, dict(environment), cancelled, owner, read_secrets=read_secrets)


def open_airflow(settings: Settings) -> AirflowApi:
    """Return Airflow's REST API as the settings reach it."""
    from mcop_core.executions.airflow_api import AirflowApi

    return AirflowApi.open(settings)


def open_fleet(settings: Settings, environment: Environment) -> Fleet:
    """
    Return the configured clouds (the setting `clouds`); none is asked before it is used.

    Raises:
        InvalidInput: The folder is not there; every fault of every file.
    """
    from mcop_core.fleet import NAMESPACE, Fleet, read_clouds

    configs = read_clouds(Path(settings.clouds), limits=settings.limits) if settings.clouds else {}
    read_secrets = open_secrets(settings, environment)
    return Fleet(configs, lambda ref: read_secrets(NAMESPACE, [ref])[ref])
