"""Terraform's own lock: taken, recognised, broken only from the dead, seen by a person's terraform."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.artifacts.s3 import S3Store
from mcop_core.engines.lock import (
    DynamoLockTable,
    ObjectLock,
    StateLock,
    TableLock,
    hold,
    lock_info,
    lock_path,
    locked,
)
from mcop_core.engines.state import StateAddress
from mcop_core.engines.terraform.command import run
from mcop_core.errors import PreconditionFailed, StateConflict, StateLocked, Unreachable
from tests.core.engines.terraform.operations import FailingStore
from tests.emulators import Emulator, running

NOW = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)
ADDRESS = StateAddress("s3://states?region=us-east-1", "shop/vpc.tfstate")


class MemoryTable:
    """A `LockTable` in memory: what the tests hold against DynamoDB's."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, str]] = {}

    def get(self, lock_id: str) -> dict[str, str] | None:
        return self.items.get(lock_id)

    def put(self, item: dict[str, str], *, if_absent: bool = False) -> None:
        if if_absent and item["LockID"] in self.items:
            raise PreconditionFailed("there is one")
        self.items[item["LockID"]] = dict(item)

    def delete(self, lock_id: str, *, info: str) -> None:
        if lock_id in self.items and self.items[lock_id]["Info"] != info:
            raise PreconditionFailed("it is another")
        self.items.pop(lock_id, None)


def info(lock_id: str) -> str:
    return lock_info(lock_id, ADDRESS, operation="apply", who="mcop.shop run@host", now=NOW)


def holding(
    lock: StateLock,
    lock_id: str,
    *,
    abandoned: tuple[str, ...] = (),
    gives_back: bool = True,
    told: list | None = None,
    kept: list | None = None,
) -> AbstractContextManager[None]:
    return hold(
        lock,
        info(lock_id),
        abandoned=abandoned,
        give_back=lambda: gives_back,
        on_kept=lambda: (kept if kept is not None else []).append(lock_id),
        tell=(told if told is not None else []).append,
        patience_s=0,
    )


@pytest.fixture(params=["object", "table"])
def lock(request, tmp_path) -> StateLock:
    if request.param == "object":
        return ObjectLock(LocalStore(tmp_path), ADDRESS.key)
    return TableLock(MemoryTable(), lock_path(ADDRESS))


def test_a_lock_is_held_inside_the_block_and_free_after(lock):
    """LockInfo is Terraform's, and goes however the block ends."""
    with pytest.raises(KeyError), holding(lock, "one"):
        held = json.loads(lock.read())
        raise KeyError

    assert held == {
        "ID": "one",
        "Operation": "OperationTypeApply",
        "Info": "held by MCOP",
        "Who": "mcop.shop run@host",
        "Version": "mcop",
        "Created": "2026-05-04T10:00:00Z",
        "Path": "states/shop/vpc.tfstate",
    }
    assert lock.read() is None


def test_somebody_elses_lock_is_respected_and_named(lock):
    """A second holder is refused, and the first's lock stays."""
    with holding(lock, "one"), pytest.raises(StateLocked, match=r"mcop\.shop run@host") as caught, holding(lock, "two"):
        pass

    assert caught.value.holder["ID"] == "one"


def test_a_dead_holders_lock_is_broken_and_no_other(lock):
    """Only the ids that were proved abandoned are."""
    told: list[str] = []
    lock.write(info("dead"))

    with pytest.raises(StateLocked), holding(lock, "new", abandoned=("another",)):
        pass
    with holding(lock, "new", abandoned=("another", "dead"), told=told):
        assert json.loads(lock.read())["ID"] == "new"

    assert "dead" in told[0]


def test_our_own_lock_is_recognised(lock):
    """A write that happened although its answer was lost is ours."""
    lock.write(info("one"))

    with holding(lock, "one"):
        pass
    assert lock.read() is None


def test_an_unsettled_lock_is_left_for_the_next_holder(lock):
    """What must not be touched by others stays locked, and so does the lease."""
    kept: list[str] = []
    with holding(lock, "one", gives_back=False, kept=kept):
        pass

    assert (json.loads(lock.read())["ID"], kept) == ("one", ["one"])


def test_a_lock_that_was_broken_by_force_is_not_released_again(lock):
    """The new owner's lock is left alone, and the loss is told."""
    told: list[str] = []
    with holding(lock, "one", told=told):
        lock.remove(lock.read())
        lock.write(info("theirs"))

    assert json.loads(lock.read())["ID"] == "theirs"
    assert "by force" in told[0]


def test_a_release_that_gets_no_answer_is_told(tmp_path):
    """The operation's own outcome stands; the lease is kept, so that the next run breaks the lock."""
    store, told, kept = FailingStore(LocalStore(tmp_path)), [], []
    with holding(ObjectLock(store, "k"), "one", told=told, kept=kept):
        store.is_down = True

    assert "could not be released" in told[-1]
    assert kept == ["one"]


def test_a_lock_is_not_taken_from_a_store_that_does_not_answer(tmp_path):
    """No answer is no lock."""
    store = FailingStore(LocalStore(tmp_path))
    store.is_down = True

    with pytest.raises(Unreachable), holding(ObjectLock(store, "k"), "one"):
        raise AssertionError("the block was entered")


def test_a_state_with_another_digest_than_the_table_says_is_refused():
    """Both digests are named; one that was noted with the state passes."""
    lock = TableLock(MemoryTable(), lock_path(ADDRESS))
    lock.check_digest(b"anything, since nothing was noted")

    lock.note_digest(b"state")
    lock.check_digest(b"state")
    for data in (b"other", None):
        with pytest.raises(StateConflict, match="the lock table says") as caught:
            lock.check_digest(data)
    assert caught.value.expected == "9ed39e2ea931586b6a985a6942ef573e"


def test_a_locks_age_is_named():
    """Who reads the error knows how long it has been."""
    error = locked({"ID": "x", "Who": "ada", "Created": "2026-05-04T09:58:30Z"}, now=NOW)

    assert "1 min 30 s ago" in str(error)
    assert "force-unlock x" in str(error)
    assert "unknown time" in str(locked({"Created": "yesterday"}, now=NOW))


# -- against a person's terraform ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def emulator(tmp_path_factory) -> Iterator[Emulator]:
    """moto's server."""
    with running("moto_server", tmp_path_factory.mktemp("moto")) as started:
        yield started


@pytest.fixture
def account(emulator) -> dict[str, object]:
    """Clients of the emulator, and a bucket and a lock table in it."""
    clients = {name: emulator.client(name) for name in ("s3", "dynamodb")}
    clients["s3"].create_bucket(Bucket="states")
    if "locks" not in clients["dynamodb"].list_tables()["TableNames"]:
        clients["dynamodb"].create_table(
            TableName="locks",
            KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return {**clients, "endpoint": emulator.url}


ITS_OWN_LOCK = re.compile(r"\bID: +(\S+)\n(?:.*\n){0,3}.*Operation: OperationTypePlan")


def plan_by_hand(folder: Path, endpoint: str, locking: dict) -> tuple[int, str]:
    """
    What a person's terraform says to the same state.

    Its client of AWS loses an answer now and then, asks again, and is refused because of the lock that it has: then it
    is unlocked, and asked once more.
    """
    backend = {"bucket": "states", "key": ADDRESS.key, "region": "us-east-1", "use_path_style": True, **locking}
    skips = ("skip_credentials_validation", "skip_metadata_api_check", "skip_requesting_account_id")
    document = {"terraform": {"backend": {"s3": {**backend, **dict.fromkeys(skips, True)}}}}
    (folder / "main.tf.json").write_text(json.dumps(document))
    (folder / "rc").write_text("")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(folder / "rc"),
    }
    prepared = run("terraform", ["init", "-no-color"], cwd=folder, environment=environment)
    assert prepared.exit_code == 0, prepared.stderr
    for _ in range(3):
        done = run("terraform", ["plan", "-no-color", "-input=false"], cwd=folder, environment=environment)
        said = done.stdout + done.stderr
        its_own = ITS_OWN_LOCK.search(said)
        if its_own is None:
            break
        run("terraform", ["force-unlock", "-force", its_own.group(1)], cwd=folder, environment=environment)
    return done.exit_code, said


@pytest.mark.terraform
@pytest.mark.emulator
def test_a_persons_terraform_sees_the_lock_object(account, tmp_path):
    """While MCOP holds `<key>.tflock`, a plan by hand fails and names MCOP; after, it works."""
    lock = ObjectLock(S3Store(account["s3"], "states"), ADDRESS.key)

    with holding(lock, "one"):
        code, said = plan_by_hand(tmp_path, account["endpoint"], {"use_lockfile": True})

    assert code == 1
    assert "mcop.shop run@host" in said
    assert plan_by_hand(tmp_path, account["endpoint"], {"use_lockfile": True})[0] == 0
    assert lock.read() is None


@pytest.mark.terraform
@pytest.mark.emulator
def test_a_persons_terraform_sees_the_lock_item_and_believes_the_digest(account, tmp_path):
    """The same with a DynamoDB lock table; a state pushed with its digest is read without complaint."""
    lock = TableLock(DynamoLockTable(account["dynamodb"], "locks"), lock_path(ADDRESS))
    document = {"version": 4, "terraform_version": "1.5.0", "serial": 1, "lineage": "x", "outputs": {}, "resources": []}
    data = json.dumps(document).encode()

    with holding(lock, "one"):
        S3Store(account["s3"], "states").put(ADDRESS.key, data)
        lock.note_digest(data)
        with pytest.raises(StateLocked), holding(lock, "two"):
            pass
        code, said = plan_by_hand(tmp_path, account["endpoint"], {"dynamodb_table": "locks"})

    assert code == 1
    assert "mcop.shop run@host" in said
    code, said = plan_by_hand(tmp_path, account["endpoint"], {"dynamodb_table": "locks"})
    assert code == 0, said
    lock.check_digest(data)
    assert lock.read() is None
