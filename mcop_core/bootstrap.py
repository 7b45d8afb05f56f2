"""The composition root: settings in, concrete repository, stores and engines out. Edges are imported inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcop_core.errors import InvalidInput

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.catalog.repository import CatalogRepository
    from mcop_core.engines.base import Engine
    from mcop_core.executions.airflow_api import AirflowApi
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


def open_airflow(settings: Settings) -> AirflowApi:
    """Return Airflow's REST API as the settings reach it."""
    from mcop_core.executions.airflow_api import AirflowApi

    return AirflowApi.open(settings)
