"""The bucket store, against two emulators of S3."""

import pytest

from mcop_core.artifacts.s3 import S3Store
from mcop_core.errors import InvalidInput, InvalidName, PreconditionFailed, Unreachable
from tests.contracts.object_store import ObjectStoreContract
from tests.core.artifacts.conftest import make_client
from tests.emulators import free_port
from tests.fault_proxy import Does

pytestmark = pytest.mark.emulator


@pytest.fixture
def store(client, bucket):
    return S3Store(client, bucket)


class TestContract(ObjectStoreContract):
    pass


@pytest.fixture
def account(endpoint, monkeypatch):
    """The environment variables by which boto3 finds the emulator."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_a_prefix_is_a_store_of_its_own(account, client, bucket):
    """Keys lie below the prefix, are listed without it, and neighbours are not seen."""
    store = S3Store.open(f"s3://{bucket}/team/a?region=us-east-1")
    client.put_object(Bucket=bucket, Key="team/ab/x", Body=b"")
    store.put("k/1", b"1")

    assert list(store.keys("")) == ["k/1"]
    assert client.get_object(Bucket=bucket, Key="team/a/k/1")["Body"].read() == b"1"
    assert S3Store.open(store.url).get("k/1").data == b"1"


def test_encryption_is_asked_for(account, client, bucket):
    """The key of the URL encrypts every object."""
    S3Store.open(f"s3://{bucket}?region=us-east-1&kms_key_id=alias/state").put("a", b"1")
    S3Store.open(f"s3://{bucket}?region=us-east-1&encrypt=true").put("b", b"1")

    assert client.head_object(Bucket=bucket, Key="a")["ServerSideEncryption"] == "aws:kms"
    assert client.head_object(Bucket=bucket, Key="b")["ServerSideEncryption"] == "AES256"


def test_a_missing_bucket_is_no_empty_one(client):
    """What is not there as a whole is not reported as a missing key."""
    store = S3Store(client, "never-made-bucket")
    for call in (store.get, store.delete, lambda key: store.put(key, b""), lambda key: list(store.keys(key))):
        with pytest.raises(Unreachable, match=r"NoSuchBucket|does not exist"):
            call("a")


@pytest.mark.parametrize("condition", ["if_absent", "if_match"])
def test_a_write_whose_answer_was_lost_has_succeeded(client, proxy, bucket, condition):
    """The repetition that S3 refuses is recognised as the writer's own."""
    seen = S3Store(client, bucket).put("a", b"0") if condition == "if_match" else None
    store = S3Store(make_client(proxy.url, retries={"mode": "standard", "total_max_attempts": 3}), bucket)
    lost = proxy.add(Does.DROP_ANSWER, operation="PUT")
    etag = store.put("a", b"mine", if_absent=condition == "if_absent", if_match=seen)

    assert lost.hits == 1
    assert (b"mine", etag) == (store.get("a").data, store.get("a").etag)


def test_a_lost_race_is_no_lost_answer(client, proxy, bucket):
    """After a repetition, somebody else's bytes are still somebody else's."""
    S3Store(client, bucket).put("a", b"theirs")
    store = S3Store(make_client(proxy.url, retries={"mode": "standard", "total_max_attempts": 3}), bucket)
    proxy.add(Does.DROP_ANSWER, operation="PUT")
    with pytest.raises(PreconditionFailed):
        store.put("a", b"mine", if_absent=True)

    assert store.get("a").data == b"theirs"


def test_silence_is_unreachable():
    """Nobody listening ends in an error that names the service."""
    store = S3Store(make_client(f"http://127.0.0.1:{free_port()}", retries={"total_max_attempts": 1}), "bucket")
    for call in (store.get, store.delete, lambda key: store.put(key, b""), lambda key: list(store.keys(key))):
        with pytest.raises(Unreachable) as caught:
            call("a")

        assert caught.value.service == "S3"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://B", "s3://bucket"),
        ("s3://", "s3://bucket"),
        ("https://bucket", "s3://bucket"),
        ("s3://user:pw@bucket", "s3://bucket"),
        ("s3://bucket?regions=x", 'Did you mean "region"'),
        ("s3://bucket#x", "s3://bucket"),
    ],
)
def test_another_url_is_refused(url, says):
    """Only a bucket, a prefix and known options are a store."""
    with pytest.raises(InvalidInput, match=says):
        S3Store.open(url)


def test_a_prefix_is_a_key():
    """A prefix obeys the rule of keys."""
    with pytest.raises(InvalidName):
        S3Store.open("s3://bucket/a/../b?region=us-east-1")
