import logging
import math
import os
import shutil

import pytest

from mcop_airflow.snapshot_folder import broken_manifests, is_complete, plan_digests
from mcop_airflow.snapshot_source import EMPTY, SnapshotSource
from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.repository import Head
from mcop_core.compiler.snapshot import plan_key, snapshot_key
from mcop_core.errors import StoredObjectMissing, Unreachable
from tests.plugins.small_catalog import filled, remove


class Wire(MemoryRepository):
    """A catalog at the end of a wire that can be cut; counts how often it is asked for what."""

    def __init__(self):
        super().__init__()
        self.cut = False
        self.asked = []

    def _ask(self, what):
        self.asked.append(what)
        if self.cut:
            raise Unreachable("DynamoDB does not answer", service="DynamoDB")

    def head(self) -> Head:
        self._ask("head")
        return super().head()

    def keys(self):
        self._ask("keys")
        return super().keys()

    def entries(self, kind=None):
        self._ask("entries")
        return super().entries(kind)


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def catalog(settings, tmp_path, wire):
    return filled(settings, tmp_path / "states", wire)


@pytest.fixture
def start(catalog, clock, tmp_path):
    """Start a process's source on the same folder as the processes before it."""

    def starter(audit_s=60.0):
        return SnapshotSource(
            tmp_path / "bundle", catalog.repository, catalog.store, audit_s=audit_s, clock=clock, timer=clock
        )

    return starter


def broken(source, snapshot):
    return broken_manifests(source.folder_of(snapshot))


def test_the_catalogs_snapshot_is_shown(start, catalog):
    """The current snapshot lies on this machine, with a plan for each manifest."""
    source = start()
    shown = source.current()

    assert shown == catalog.repository.head().snapshot
    assert set(plan_digests(source.folder_of(shown))) == {"shop", "cafe"}


def test_looking_again_costs_one_read(start, wire):
    """While nothing changes and no audit is due, a look reads the head and nothing else."""
    source = start()
    source.current()
    wire.asked.clear()
    source.current()

    assert wire.asked == ["head"]


def test_a_publication_is_shown(start, catalog):
    """After a publication its snapshot is shown; the one before stays on disk."""
    source = start()
    before = source.current()
    catalog.publish(catalog.manifest("shop", "1.1.0", base="two"))
    after = source.current()

    assert before != after == catalog.repository.head().snapshot
    assert is_complete(source.folder_of(before)) and is_complete(source.folder_of(after))


def test_an_empty_catalog_shows_nothing(tmp_path, settings, wire):
    """Before the first publication there is a folder, and no DAG in it."""
    source = SnapshotSource(tmp_path / "bundle", wire, LocalStore.open(settings.artifact_store), audit_s=60)

    assert source.current() == EMPTY
    assert plan_digests(source.folder_of(EMPTY)) == {}


def test_the_last_good_snapshot_stays(start, wire, clock, caplog):
    """With the catalog out of reach the snapshot stays, and the log says what is unreachable and since when."""
    source = start()
    shown = source.current()
    wire.cut, clock.now = True, 1090.0

    assert source.current() == shown
    assert "DynamoDB does not answer" in caplog.text
    assert f"last good snapshot {shown} stays, seen 90 s ago" in caplog.text


def test_it_stays_after_a_restart(start, wire):
    """A process that starts while the catalog is out of reach shows what the one before it showed."""
    shown = start().current()
    wire.cut = True

    assert start().current() == shown


def test_a_store_out_of_reach_keeps_it_too(start, catalog, tmp_path):
    """A snapshot that cannot be read from the store leaves the last good one in place."""
    source = start(audit_s=math.inf)
    shown = source.current()
    after = catalog.publish(catalog.manifest("shop", "1.1.0", base="two")).snapshot
    catalog.store.delete(snapshot_key(after))

    assert source.current() == shown


def test_without_a_last_good_one_it_raises(start, wire, tmp_path):
    """With nothing to stand in, the error passes: Airflow then keeps the DAGs that it knows."""
    wire.cut = True
    with pytest.raises(Unreachable):
        start().current()

    wire.cut = False
    start().current()
    shutil.rmtree(tmp_path / "bundle" / "versions")
    wire.cut = True
    with pytest.raises(Unreachable):
        start().current()


def test_what_vanished_breaks_only_what_stood_on_it(start, catalog, caplog):
    """A manifest deleted behind MCOP's back is shown as broken; the other's plan is untouched."""
    source = start()
    before = source.current()
    remove(catalog.repository, "manifest#shop@1.0.0")
    after = start().current()

    assert set(broken(source, after)) == {"shop"}
    assert plan_digests(source.folder_of(after))["cafe"] == plan_digests(source.folder_of(before))["cafe"]
    assert "Vanished from the catalog: manifest#shop@1.0.0" in caplog.text


def test_a_pinned_object_that_vanished_is_named(start, catalog):
    """The broken manifest's error names what is gone."""
    remove(catalog.repository, "workflow#platform@1.0.0")
    source = start()

    assert all("platform" in error for error in broken(source, source.current()).values())


def test_an_audit_waits_its_time(start, catalog, wire, clock):
    """What vanishes is seen at the next audit, not before."""
    source = start()
    before = source.current()
    remove(catalog.repository, "manifest#shop@1.0.0")

    assert source.current() == before
    clock.now += 60
    assert set(broken(source, source.current())) == {"shop"}


def test_what_comes_back_is_whole_again(start, catalog, clock):
    """Restored, the object heals the manifest at the next audit."""
    source = start()
    before = source.current()
    put_back = remove(catalog.repository, "manifest#shop@1.0.0")
    clock.now += 60
    assert source.current() != before
    put_back()
    clock.now += 60

    assert source.current() == before


def test_while_it_stays_broken_nothing_is_compiled_again(start, catalog, clock, wire):
    """An audit that finds what the last one found reads keys alone."""
    remove(catalog.repository, "manifest#shop@1.0.0")
    source = start()
    shown = source.current()
    wire.asked.clear()
    clock.now += 60

    assert source.current() == shown
    assert wire.asked == ["head", "keys"]


def test_a_worker_finds_the_broken_snapshot(start, catalog, settings, tmp_path):
    """The snapshot that the audit made is in the store, so that runs can be pinned to it."""
    remove(catalog.repository, "manifest#shop@1.0.0")
    shown = start().current()
    worker = SnapshotSource(tmp_path / "worker", catalog.repository, catalog.store, audit_s=60)

    assert set(plan_digests(worker.fetch(shown))) == {"cafe"}


def test_a_plan_that_vanished_from_the_store_is_put_back(start, catalog, clock):
    """The plan on this machine replaces the one that was deleted."""
    source = start()
    digest = plan_digests(source.folder_of(source.current()))["shop"]
    data = catalog.store.get(plan_key(digest)).data
    catalog.store.delete(plan_key(digest))
    clock.now += 60
    source.current()

    assert catalog.store.get(plan_key(digest)).data == data


def test_a_snapshot_that_vanished_from_the_store_is_compiled_again(start, catalog, caplog):
    """With snapshot and plans gone, compiling the catalog anew gives the same ones."""
    head = catalog.repository.head().snapshot
    for key in [*catalog.store.keys("plans/"), snapshot_key(head)]:
        catalog.store.delete(key)

    assert start().current() == head
    assert "compiled anew" in caplog.text


def test_a_pinned_snapshot_is_fetched_by_its_digest(start, catalog, wire):
    """A worker gets an old snapshot without asking the catalog; one that never was raises."""
    old = catalog.repository.head().snapshot
    catalog.publish(catalog.manifest("shop", "1.1.0", base="two"))
    wire.cut = True

    assert set(plan_digests(start().fetch(old))) == {"shop", "cafe"}
    with pytest.raises(StoredObjectMissing):
        start().fetch("0" * 64)


@pytest.fixture(autouse=True)
def _hear_everything(caplog):
    caplog.set_level(logging.DEBUG)


def files_of(folder):
    """Manifest -> which file on the disk its DAG file is."""
    return {path.stem: path.stat().st_ino for path in (folder / "dags").iterdir()}


def test_only_what_changed_is_written_anew(start, catalog):
    """The other manifests' files are those that were shown before, and as old: Airflow need not parse them again."""
    source = start()
    first = source.folder_of(source.current())
    was = files_of(first)
    times = {path.stem: path.stat().st_mtime_ns for path in (first / "dags").iterdir()}
    catalog.publish(catalog.manifest("shop", "1.1.0"))
    second = source.folder_of(source.current())
    now = files_of(second)

    assert first != second
    assert {name for name in now if now[name] != was[name]} == {"shop"}
    assert (second / "dags" / "cafe.py").stat().st_mtime_ns == times["cafe"]
    assert (second / "plans" / "shop.json").read_bytes() != (first / "plans" / "shop.json").read_bytes()


def test_what_is_shown_again_is_as_new_as_what_changes_by_it(start, catalog):
    """Airflow looked at the version between later than the file was written, and would leave the old one out."""
    source = start()
    first = source.folder_of(source.current())
    catalog.publish(catalog.manifest("shop", "1.1.0"))
    second = source.folder_of(source.current())
    for path in (*(first / "dags").iterdir(), *(second / "dags").iterdir()):
        os.utime(path, (1.0, 1.0))
    catalog.activate("shop", "1.0.0")

    assert source.folder_of(source.current()) == first
    assert (first / "dags" / "shop.py").stat().st_mtime > 1.0
    assert (first / "dags" / "cafe.py").stat().st_mtime == 1.0


def test_a_file_that_was_changed_on_the_disk_is_not_linked(start, catalog):
    """What lies on the disk is the snapshot's or is written anew."""
    source = start()
    first = source.folder_of(source.current())
    (first / "dags" / "cafe.py").write_text("# airflow dag, changed by somebody\n")
    catalog.publish(catalog.manifest("shop", "1.1.0"))
    second = source.folder_of(source.current())

    assert "build_dags_from_file" in (second / "dags" / "cafe.py").read_text()
