"""EDGE boto3: a bucket, or a prefix of one, as an `ObjectStore`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from mcop_core.artifacts.store import StoredObject, check_key, check_prefix
from mcop_core.aws import open_client
from mcop_core.errors import InvalidInput, PreconditionFailed, StoredObjectMissing, Unreachable, closest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_OPTIONS = ("region", "encrypt", "kms_key_id", "acl")
_CONFLICTS = 5
"""How often a write is tried again that S3 answered with 409: another conditional write was under way."""

Answer = TypeVar("Answer")


class S3Store:
    """
    Objects below *prefix* in *bucket*; thread-safe.

    A conditional write whose answer was lost is recognised: S3 refuses its repetition, but what lies there is
    what was to be written. Callers that compete write bytes of their own, so that this tells them apart.

    Args:
        client: A boto3 client of S3; the store has no other.
        prefix: Without slashes at its ends; empty for the whole bucket.
        url: What `open` opens again.
        put_options: Arguments added to every `PutObject`, for encryption and ACL.
    """

    def __init__(
        self, client: S3Client, bucket: str, prefix: str = "", *, url: str = "", put_options: Mapping[str, Any] = {}
    ) -> None:
        self.url = url or f"s3://{bucket}/{prefix}".rstrip("/")
        self._client = client
        self._bucket = bucket
        self._root = f"{prefix}/" if prefix else ""
        self._put_options = dict(put_options)

    @classmethod
    def open(cls, url: str) -> S3Store:
        """
        Return the store at *url*: `s3://bucket[/prefix][?region=…&encrypt=true&kms_key_id=…&acl=…]`.

        Credentials and endpoint are found as boto3 finds them. Nothing is asked of S3 yet.

        Raises:
            InvalidInput: *url* is of another form.
        """
        parts = urlsplit(url)
        bucket, prefix, options = parts.netloc, parts.path.strip("/"), dict(parse_qsl(parts.query))
        unknown = [name for name in options if name not in _OPTIONS]
        if parts.scheme != "s3" or not _BUCKET.fullmatch(bucket) or parts.fragment:
            raise InvalidInput(f"{url!r} is no bucket: write s3://bucket or s3://bucket/prefix")
        if unknown:
            near = closest(unknown[0], _OPTIONS)
            raise InvalidInput(
                f"{url!r}: {unknown[0]!r} is no option of a bucket. Allowed: {', '.join(_OPTIONS)}."
                + (f' Did you mean "{near}"?' if near else "")
            )
        if prefix:
            check_key(prefix)
        return cls(_client(options.get("region")), bucket, prefix, url=url, put_options=_put_options(options))

    def get(self, key: str) -> StoredObject:
        """Return what lies under *key*; see `ObjectStore.get`."""
        name = self._name(key)

        def read() -> StoredObject:
            answer = self._client.get_object(Bucket=self._bucket, Key=name)
            return StoredObject(answer["Body"].read(), answer["ETag"])

        return self._ask(read, key)

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """Write *data* whole and return its etag; see `ObjectStore.put`."""
        arguments: dict[str, Any] = {"Bucket": self._bucket, "Key": self._name(key), "Body": data, **self._put_options}
        if if_absent:
            arguments["IfNoneMatch"] = "*"
        elif if_match is not None:
            arguments["IfMatch"] = if_match
        try:
            answer: str = self._ask(lambda: self._client.put_object(**arguments), key)["ETag"]
            return answer
        except StoredObjectMissing as error:
            raise PreconditionFailed(f"{self.url} has no {key} to be replaced", key=key) from error
        except PreconditionFailed as error:
            written = self._what_a_lost_answer_wrote(key, data) if error.facts.get("repeated") else None
            if written is None:
                raise
            return written

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove *key*; see `ObjectStore.delete`."""
        arguments: dict[str, Any] = {"Bucket": self._bucket, "Key": self._name(key)}
        if if_match is not None:
            arguments["IfMatch"] = if_match
        try:
            self._ask(lambda: self._client.delete_object(**arguments), key)
        except StoredObjectMissing:
            return

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key that starts with *prefix*, sorted by its characters; pages to the end."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._root + check_prefix(prefix)
        )
        walk = iter(pages)
        while (page := self._ask(lambda: next(walk, None), prefix)) is not None:
            for item in page.get("Contents", []):
                yield item["Key"][len(self._root) :]

    def _name(self, key: str) -> str:
        return self._root + check_key(key)

    def _what_a_lost_answer_wrote(self, key: str, data: bytes) -> str | None:
        try:
            found = self.get(key)
        except StoredObjectMissing:
            return None
        return found.etag if found.data == data else None

    def _ask(self, call: Callable[[], Answer], key: str) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError

        attempts_left = _CONFLICTS
        while True:
            attempts_left -= 1
            try:
                return call()
            except ClientError as error:
                if _status(error.response) != 409 or not attempts_left:
                    raise self._error(error.response, key) from error
            except BotoCoreError as error:
                raise Unreachable(f"{self.url} does not answer: {error}", service="S3") from error

    def _error(self, response: Any, key: str) -> Exception:
        code, status = response["Error"].get("Code", ""), _status(response)
        repeated = response["ResponseMetadata"].get("RetryAttempts", 0) > 0
        if code in ("NoSuchKey", "404") and status == 404:
            return StoredObjectMissing(f"{self.url} has no {key}", key=key)
        if status in (409, 412):
            return PreconditionFailed(f"{self.url}, {key}: somebody else has written it", key=key, repeated=repeated)
        said = response["Error"].get("Message") or code
        return Unreachable(f"{self.url} does not serve {key!r}: {code}: {said}", service="S3", code=code)


def _status(response: Any) -> int:
    return int(response["ResponseMetadata"]["HTTPStatusCode"])


def _put_options(options: Mapping[str, str]) -> dict[str, str]:
    found = {}
    if "kms_key_id" in options:
        found = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": options["kms_key_id"]}
    elif options.get("encrypt") == "true":
        found = {"ServerSideEncryption": "AES256"}
    return found | ({"ACL": options["acl"]} if "acl" in options else {})


def _client(region: str | None) -> S3Client:
    at_an_endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    style = "path" if at_an_endpoint else "auto"
    client: S3Client = open_client("s3", region=region, max_pool_connections=32, s3={"addressing_style": style})
    return client
