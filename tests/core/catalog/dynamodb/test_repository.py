"""The catalog in DynamoDB keeps the contract, on two emulators, and does each change once."""

import itertools

import pytest

from mcop_core.catalog.dynamodb.items import encode_entry
from mcop_core.catalog.repository import CatalogEntry, Head
from mcop_core.errors import ObjectNotFound, PreconditionFailed, VersionConflict
from mcop_core.refs import Kind
from tests.contracts.catalog_repository import (
    NOON,
    StoredCatalogContract,
    everything,
    manifest,
    pattern,
    primitive,
    publish,
    rule,
)
from tests.core.catalog.dynamodb.clients import (
    Client,
    DroppingClient,
    Killed,
    LosingClient,
    PausingClient,
    StoppingClient,
)
from tests.core.catalog.dynamodb.conftest import LARGE, many

pytestmark = pytest.mark.emulator


class TestDynamoDBRepository(StoredCatalogContract):
    @pytest.fixture
    def open_catalog(self, open_dynamodb):
        return open_dynamodb


def test_reading_the_head_is_one_get_item(client, open_dynamodb):
    """An unchanged catalog costs one request, whatever its size."""
    publish(open_dynamodb(), *many(20))
    counting = Client(client)

    assert Head(1, "snapshot-1") == open_dynamodb(client=counting).head()
    assert counting.requests == ["get_item"]


def test_a_restore_that_was_killed_goes_on(client, new_catalog):
    """Until it is done, commits are refused; called again it finishes, wherever it was killed."""
    _, source = new_catalog()
    publish(source(), *many(), rule(), manifest(), activate={"shop": "1.0.0"})
    saved = source().entries(), source().active(), source().head()
    for after in itertools.count():
        _, reopen = new_catalog()
        try:
            reopen(StoppingClient(client, after)).restore(*saved)
        except Killed:
            assert Head() == reopen().head()
        else:
            break
        if after:
            with pytest.raises(PreconditionFailed, match="half restored"):
                publish(reopen(), pattern())
            with pytest.raises(VersionConflict):
                reopen().restore(saved[0][1:], {}, Head(9, "other"))
        reopen().restore(*saved)
        assert everything(source()) == everything(reopen())

    assert after >= 4
    assert everything(source()) == everything(reopen())


@pytest.mark.parametrize("count", [3, LARGE])
@pytest.mark.parametrize("manners", [LosingClient, DroppingClient])
def test_a_lost_request_or_answer_is_made_good(client, new_catalog, manners, count):
    """Whether a transaction or its answer was lost, the change is done once and its head returned."""
    _, reopen = new_catalog()
    publish(reopen(), rule())

    assert Head(2, "snapshot-2") == publish(reopen(manners(client, times=2)), *many(count))
    assert (count + 1, Head(2, "snapshot-2")) == (len(reopen().entries()), reopen().head())


def test_a_change_is_recognised_after_others_followed(client, open_dynamodb):
    """Whose answer was lost is told of success even if somebody else has moved the head meanwhile."""

    class Overtaken(LosingClient):
        def answer(self, name, real, arguments):
            try:
                return super().answer(name, real, arguments)
            except Exception:
                publish(open_dynamodb(), rule())
                raise

    assert Head(1, "snapshot-1") == publish(open_dynamodb(client=Overtaken(client)), primitive())
    assert Head(2, "snapshot-2") == open_dynamodb().head()


def test_a_version_deleted_behind_its_back_is_missing(client, tables, open_dynamodb):
    """Neither keys nor entries list it, and asking for it says so; everything else is there."""
    publish(open_dynamodb(), *many(3))
    gone = many(3)[1]
    key = {name: encode_entry(CatalogEntry(gone, NOON))[name] for name in ("object_key", "version_key")}
    client.delete_item(TableName=tables[0], Key=key)
    catalog = open_dynamodb()

    assert {many(3)[0].ref, many(3)[2].ref} == catalog.keys()
    assert 2 == len(catalog.entries()) == len(catalog.entries(Kind.PRIMITIVE))
    with pytest.raises(ObjectNotFound):
        catalog.get(gone.ref)


def test_a_version_written_behind_its_back_is_not_replaced(client, tables, open_dynamodb):
    """Even a writer that has read nothing of it cannot overwrite a published version: the put is conditional."""
    other = primitive(source="elsewhere")

    def meanwhile():
        client.put_item(TableName=tables[0], Item=encode_entry(CatalogEntry(other, NOON)))

    with pytest.raises(VersionConflict):
        publish(open_dynamodb(client=PausingClient(client, 0, meanwhile)), primitive())

    assert other == open_dynamodb().get(other.ref).object
