"""One file holds the whole catalog, and gives it back."""

import json
from datetime import UTC, datetime

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.artifacts.templates import load_template, save_template
from mcop_core.backup import back_up, check_backup, encode_entry, restore
from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.repository import CatalogEntry, Head, Standing
from mcop_core.compiler.plan import DeploymentPlan
from mcop_core.compiler.snapshot import Snapshot, SnapshotEntry, load_plan, load_snapshot, save_snapshot
from mcop_core.errors import PreconditionFailed, StoredObjectMissing, Tampered, VersionConflict
from tests.contracts.catalog_repository import everything, manifest, primitive, publish, rule

FILES = {"main.tf": b'variable "a" {}\n', "files/icon.png": b"\x89PNG\x00\xff"}


@pytest.fixture
def store(tmp_path):
    return LocalStore.open(f"file://{tmp_path}/store")


@pytest.fixture
def other_store(tmp_path):
    return LocalStore.open(f"file://{tmp_path}/other")


@pytest.fixture
def catalog(store):
    """A catalog with a template, a snapshot with a plan, pins, a deprecation and a rewritten version."""
    catalog = MemoryRepository()
    template = save_template(store, "terraform", "aws", "vpc", "1.0.0", FILES)
    vpc = primitive(template=template.model_dump())
    shop = manifest()
    plan = DeploymentPlan(manifest="shop", namespace="store", workflows=())
    entry = SnapshotEntry(version="1.0.0", fingerprint="f", plan=plan.digest)
    snapshot = save_snapshot(store, Snapshot(manifests={"shop": entry}), {plan.digest: plan})
    publish(catalog, vpc, rule(), shop, pins={shop.ref: {"rule#size": "1.0.0"}}, activate={"shop": "1.0.0"})
    publish(catalog, standings={vpc.ref: (Standing.DEPRECATED, "old")}, rewrite={rule().ref: rule(values=["x"])})
    publish(catalog, snapshot=snapshot)
    return catalog


@pytest.fixture
def file(tmp_path):
    return tmp_path / "catalog.jsonl"


def test_a_restored_catalog_is_the_one_backed_up(catalog, store, other_store, file, tmp_path):
    """Versions, standings, pins, published digests, active versions, head, templates, snapshot and plans."""
    restored = MemoryRepository()
    counts = back_up(catalog, store, file), restore(restored, other_store, file)
    snapshot = load_snapshot(other_store, restored.head().snapshot)
    template = restored.get(primitive().ref).object.template

    assert counts == (3, 3)
    assert everything(catalog) == everything(restored)
    assert rule().digest == restored.get(rule().ref).digest
    assert load_template(other_store, template, tmp_path / "cache") == dict(sorted(FILES.items()))
    assert load_plan(other_store, snapshot.manifests["shop"].plan).manifest == "shop"
    assert sorted(store.keys("")) == sorted(other_store.keys(""))


def test_the_same_catalog_gives_the_same_bytes(catalog, store, file, tmp_path):
    """A backup holds nothing that changes by itself, no time and no order."""
    back_up(catalog, store, file)
    back_up(catalog, store, tmp_path / "again")

    assert file.read_bytes() == (tmp_path / "again").read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_restore_may_be_repeated(catalog, store, other_store, file):
    """Files that are stored already, and a catalog that is complete, are left as they are."""
    back_up(catalog, store, file)
    key = next(iter(store.keys("")))
    other_store.put(key, store.get(key).data)
    restored = MemoryRepository()
    restore(restored, other_store, file)
    restore(restored, other_store, file)

    assert everything(catalog) == everything(restored)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1000],
        lambda data: b"".join(data.splitlines(keepends=True)[:-1]),
        lambda data: data.replace(b'"deprecated"', b'"active"'),
        lambda data: data + b"{}\n",
        lambda data: b"",
        lambda data: b"\x00\xff not a backup",
        lambda data: b"\n".join(data.splitlines()[1:]),
    ],
    ids=["truncated", "without-last-line", "altered", "appended", "empty", "binary", "without-first-line"],
)
def test_a_damaged_file_is_refused(catalog, store, other_store, file, damage):
    """Nothing of it is restored, neither versions nor files."""
    back_up(catalog, store, file)
    file.write_bytes(damage(file.read_bytes()))
    restored = MemoryRepository()
    with pytest.raises(Tampered):
        restore(restored, other_store, file)

    assert (restored.entries(), list(other_store.keys(""))) == ([], [])


def test_another_format_is_refused(file):
    """A file that is whole, but of a format that this MCOP does not know, is not guessed at."""
    import hashlib

    first = canonical_json({"format": "mcop-catalog-backup", "format_version": 2}) + b"\n"
    file.write_bytes(first + canonical_json({"sha256": hashlib.sha256(first).hexdigest()}) + b"\n")
    with pytest.raises(Tampered, match="no backup of format"):
        check_backup(file)


def test_a_restore_over_other_files_is_refused(catalog, store, other_store, file):
    """A stored file with other bytes is not replaced, and the catalog stays empty."""
    back_up(catalog, store, file)
    key = next(key for key in store.keys("") if key.endswith("main.tf"))
    other_store.put(key, b"mine")
    restored = MemoryRepository()
    with pytest.raises(VersionConflict, match=key):
        restore(restored, other_store, file)

    assert (other_store.get(key).data, restored.entries()) == (b"mine", [])


def test_a_template_that_is_gone_fails_the_backup(catalog, store, file):
    """What could not be restored is no backup: the missing file is named and nothing is written."""
    key = next(key for key in store.keys("") if key.endswith("main.tf"))
    store.delete(key)
    with pytest.raises(StoredObjectMissing, match=key):
        back_up(catalog, store, file)

    assert not file.exists()
    assert list(file.parent.glob(".catalog*")) == []


def test_a_template_that_was_altered_fails_the_backup(catalog, store, file):
    """Bytes that were not published are not carried on."""
    key = next(key for key in store.keys("") if key.endswith("main.tf"))
    store.put(key, b"altered")
    with pytest.raises(Tampered, match=key):
        back_up(catalog, store, file)


class Restless(MemoryRepository):
    """A catalog that somebody publishes to whenever it is read."""

    def __init__(self, times):
        super().__init__()
        self._times = times

    def entries(self, kind=None):
        found = super().entries(kind)
        if self._times:
            self._times -= 1
            publish(self, primitive(version=f"1.{self._times}.0"))
        return found


def test_a_backup_is_of_one_revision(store, file):
    """What was read while somebody published is read again."""
    back_up(Restless(2), store, file)
    lines = [json.loads(line) for line in file.read_text().splitlines()]

    assert lines[0]["revision"] == 2 == sum("entry" in line for line in lines)


def test_a_catalog_that_never_rests_is_told(store, file):
    """After some tries the backup gives up."""
    with pytest.raises(PreconditionFailed, match="try again"):
        back_up(Restless(10**9), store, file)


def test_an_older_backup_is_restored_in_todays_form(other_store, file):
    """Documents are migrated on the way; the published digest stays that of the old document."""
    import hashlib

    old = {"kind": "rule", "name": "size", "version": "1.0.0", "type": "string", "text": "small", "schema_version": 0}
    record = {**encode_entry(CatalogEntry(rule(), datetime(2020, 1, 1, tzinfo=UTC))), "document": old, "digest": "0ld"}
    header = {"format": "mcop-catalog-backup", "format_version": 1, "revision": 1, "snapshot": "s"}
    body = b"".join(canonical_json(line) + b"\n" for line in (header, {"entry": record}, {"active": {}}))
    file.write_bytes(body + canonical_json({"sha256": hashlib.sha256(body).hexdigest()}))

    def to_version_1(document):
        return {"value": document.pop("text"), **document, "schema_version": 1}

    restored = MemoryRepository()
    restore(restored, other_store, file, migrations={0: to_version_1})
    (entry,) = restored.entries()
    assert ("small", "0ld", Head(1, "s")) == (entry.object.value, entry.digest, restored.head())
