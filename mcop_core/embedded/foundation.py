"""EDGE boto3: what must exist in a cloud before MCOP can work: the catalog's tables, and buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcop_core.errors import InvalidInput, Unreachable

if TYPE_CHECKING:
    from mcop_core.settings import Settings

HOME_REGION = "us-east-1"


def read_bucket(text: str, region: str) -> tuple[str, str]:
    """
    Return the bucket and its region that `NAME` or `NAME=REGION` says.

    Args:
        region: Where it is if the text does not say.

    Raises:
        InvalidInput: The text has no name, or an empty region.
    """
    name, sign, named = text.partition("=")
    if not name or (sign and not named):
        raise InvalidInput(f"{text!r} names no bucket: write NAME or NAME=REGION, as acme-terraform-state=eu-west-1")
    return name, named or region


def artifact_bucket(settings: Settings, region: str) -> dict[str, str]:
    """Return the bucket of the artifact store and its region; nothing if the store is a folder."""
    url = urlsplit(settings.artifact_store)
    return {url.netloc: region} if url.scheme == "s3" else {}


def lay_foundation(settings: Settings, buckets: Mapping[str, str], **access: Any) -> list[str]:
    """
    Create the catalog's tables and every bucket that is not there, and return the buckets that were made.

    Args:
        buckets: Bucket -> region.
        access: Of boto3's clients: endpoint and credentials where they are not those of the environment.

    Raises:
        Unreachable: The cloud did not answer, or refused.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from mcop_core.catalog.dynamodb import create_tables

    where = access.get("endpoint_url") or "the cloud"
    try:
        create_tables(boto3.client("dynamodb", **access), settings.objects_table, settings.rules_table)
        s3 = boto3.client("s3", **access)
        present = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        missing = sorted(set(buckets) - present)
        for bucket in missing:
            s3.create_bucket(Bucket=bucket, **_location(buckets[bucket]))
    except (BotoCoreError, ClientError) as error:
        raise Unreachable(f"{where} refused a table or bucket: {error}", service="AWS") from error
    return missing


def _location(region: str) -> dict[str, Any]:
    """Return where to create a bucket; us-east-1 must not be named."""
    return {} if region == HOME_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
