from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from mcop_core.artifacts.store import StoredObject
from mcop_core.catalog.repository import CatalogEntry, Standing
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.snapshot import (
    Snapshot,
    SnapshotEntry,
    active_plan,
    build_snapshot,
    load_plan,
    load_snapshot,
    pinned_refs,
    plan_key,
    save_snapshot,
    snapshot_key,
)
from mcop_core.errors import InvalidName, NotFound, PreconditionFailed, Refused, StoredObjectMissing, Tampered
from mcop_core.refs import ObjectRef
from tests.core.compiler.objects import manifest_of, objects, view_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class DictStore:
    """A store in a dict, and the keys in the order in which they were written."""

    url: str = "memory:"
    data: dict[str, bytes] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    def get(self, key):
        if key not in self.data:
            raise StoredObjectMissing(key, key=key)
        return StoredObject(self.data[key], "")

    def put(self, key, data, *, if_absent=False, if_match=None):
        if if_absent and key in self.data:
            raise PreconditionFailed(key, key=key)
        self.data[key] = data
        self.written.append(key)
        return ""


def entries(found, plan=None):
    pins = {str(manifest_of(found).ref): plan.pins} if plan else {}
    return [CatalogEntry(item, NOW, pins=pins.get(str(item.ref), {})) for item in found]


def with_blog(shop):
    """Return the shop with a second manifest that needs an object of its own."""
    return [
        *shop,
        *objects(
            [
                {"kind": "primitive", "name": "page", "inputs": {"title": "string"}},
                {
                    "kind": "pattern",
                    "name": "pages",
                    "parameters": {"title": {"type": "string"}},
                    "elements": {"home": {"primitive": "page", "version": "1.0.0"}},
                },
                {
                    "kind": "workflow",
                    "name": "site",
                    "patterns": {"pages": {"pattern": "pages", "version": "1.0.0"}},
                    "backend": {"type": "local"},
                },
                {
                    "kind": "manifest",
                    "name": "blog",
                    "namespace": "t",
                    "configuration": {"title": "Hi", "region": "eu"},
                    "workflows": {"site": {"workflow": "site", "version": "1.0.0"}},
                },
            ]
        )[:-1],
    ]


ACTIVE = {"shop": "3.1.0", "blog": "1.0.0"}


@pytest.fixture
def both(shop):
    return [CatalogEntry(item, NOW) for item in with_blog(shop)]


def test_a_snapshot_has_every_active_manifest(both):
    """Each with the digest of its plan; the same catalog gives the same digest."""
    snapshot, plans = build_snapshot(both, ACTIVE, None)

    assert set(plans) == {entry.plan for entry in snapshot.manifests.values()}
    assert {name: entry.version for name, entry in snapshot.manifests.items()} == ACTIVE
    assert snapshot.digest == build_snapshot(reversed(both), ACTIVE, None)[0].digest


def test_a_manifest_that_does_not_compile_takes_no_other_with_it(both):
    """It becomes an entry that says what is wrong; the others keep their plans."""
    whole, _ = build_snapshot(both, ACTIVE)
    broken, plans = build_snapshot([entry for entry in both if entry.object.name != "page"], ACTIVE)

    assert broken.manifests["shop"].plan == whole.manifests["shop"].plan
    assert broken.manifests["blog"].plan == ""
    assert "there is no primitive 'page'" in broken.manifests["blog"].error
    assert set(plans) == {whole.manifests["shop"].plan}


def test_an_active_manifest_that_vanished_is_an_error_entry(both):
    """It is not dropped in silence."""
    snapshot, _ = build_snapshot([entry for entry in both if entry.object.name != "blog"], ACTIVE)

    assert snapshot.manifests["blog"].error == "manifest#blog@1.0.0 is active, but is not in the catalog any more"


def test_what_did_not_change_is_not_compiled_again(shop, plan):
    """With pins, only what they name counts: newer versions beside them change nothing."""
    first, _ = build_snapshot(entries(shop, plan), {"shop": "3.1.0"})
    newer = [*entries(shop, plan), *entries(objects([{"kind": "primitive", "name": "vpc", "version": "1.3.0"}])[:1])]

    again, compiled = build_snapshot(newer, {"shop": "3.1.0"}, first)

    assert first.manifests["shop"].plan == plan.digest
    assert again == first
    assert compiled == {}


def test_a_pinned_object_that_vanished_is_noticed_although_nothing_else_changed(shop, plan):
    """And when it is back, the plan is back."""
    first, _ = build_snapshot(entries(shop, plan), {"shop": "3.1.0"})
    without = [entry for entry in entries(shop, plan) if entry.object.name != "subnets"]

    broken, _ = build_snapshot(without, {"shop": "3.1.0"}, first)
    healed, _ = build_snapshot(entries(shop, plan), {"shop": "3.1.0"}, broken)

    assert "subnets" in broken.manifests["shop"].error
    assert healed == first


def test_new_pins_are_a_new_plan(shop, plan):
    """Re-pinning is noticed."""
    first, _ = build_snapshot(entries(shop, plan), {"shop": "3.1.0"})
    newer = objects(
        [
            {
                "kind": "primitive",
                "name": "vpc",
                "version": "1.3.0",
                "inputs": {"cidr_block": "string"},
                "outputs": {"vpc_id": {}},
            }
        ]
    )[:1]
    everything = [*shop, *newer]
    upgraded = compile_manifest(manifest_of(shop), view_of(everything))

    again, compiled = build_snapshot(entries(everything, upgraded), {"shop": "3.1.0"}, first)

    assert list(compiled) == [again.manifests["shop"].plan] == [upgraded.digest]
    assert upgraded.digest != plan.digest


def test_a_revoked_version_keeps_its_plan(shop, plan):
    """Revoking refuses new runs; it does not take the DAG away."""
    revoked = [
        CatalogEntry(entry.object, NOW, standing=Standing.REVOKED, pins=entry.pins)
        if entry.object.name == "vpc"
        else entry
        for entry in entries(shop, plan)
    ]

    snapshot, _ = build_snapshot(revoked, {"shop": "3.1.0"})

    assert snapshot.manifests["shop"].plan == plan.digest


def test_pins_of_every_form_name_their_version(plan):
    """Requirements, rules by name, adapters by provider and primitive type, what implements an interface."""
    assert {ObjectRef.parse(text) for text in ("adapter#aws-terraform@1.0.0", "rule#cidr_block@1.0.0")} < pinned_refs(
        plan.pins
    )
    assert ObjectRef.parse("primitive#vpc@1.2.0") in pinned_refs(plan.pins)
    assert len(pinned_refs(plan.pins)) == len(plan.pins)
    served = {"primitive#bucket@~> 1.0/aws/terraform": "s3-bucket@1.2.0"}
    assert pinned_refs(served) == {ObjectRef.parse("primitive#s3-bucket@1.2.0")}


def test_a_stored_snapshot_reads_back(both):
    """Plans are stored before the snapshot that names them, and each only once."""
    store = DictStore()
    snapshot, plans = build_snapshot(both, ACTIVE)

    digest = save_snapshot(store, snapshot, plans)
    save_snapshot(store, snapshot, plans)

    assert load_snapshot(store, digest) == snapshot
    assert {key: load_plan(store, key) for key in plans} == plans
    assert store.written == [*(plan_key(key) for key in sorted(plans)), snapshot_key(digest)]


def test_altered_bytes_are_not_read(both):
    """Whoever can write to the store cannot slip in another plan."""
    store = DictStore()
    snapshot, plans = build_snapshot(both, ACTIVE)
    digest = save_snapshot(store, snapshot, plans)
    plan = next(iter(plans))
    store.data[plan_key(plan)] += b" "
    store.data[snapshot_key(digest)] = Snapshot().to_json()

    with pytest.raises(Tampered):
        load_plan(store, plan)
    with pytest.raises(Tampered):
        load_snapshot(store, digest)


def test_what_is_not_there_is_missing():
    """And a key is made of a digest alone."""
    with pytest.raises(StoredObjectMissing):
        load_snapshot(DictStore(), "0" * 64)
    with pytest.raises(InvalidName):
        load_plan(DictStore(), "../secrets")


def test_an_entry_is_a_plan_or_an_error():
    """Both have a version and the fingerprint of what was read."""
    entry = SnapshotEntry(version="1.0.0", fingerprint="f", error="why")

    assert Snapshot.model_validate_json(Snapshot(manifests={"a": entry}).to_json()).manifests["a"] == entry


def test_only_what_compiles_has_an_active_plan():
    """A manifest that is not there suggests the nearest; one that does not compile says why."""
    entries = {
        "shop": SnapshotEntry(version="1.0.0", fingerprint="f", plan="a" * 64),
        "broken": SnapshotEntry(version="1.0.0", fingerprint="f", error="pattern network@2 is gone"),
    }
    store = DictStore()
    digest = save_snapshot(store, Snapshot(manifests=entries), {})

    assert active_plan(store, digest, "shop") == "a" * 64
    with pytest.raises(NotFound, match='Did you mean "shop"'):
        active_plan(store, digest, "shpo")
    with pytest.raises(Refused, match="pattern network@2 is gone"):
        active_plan(store, digest, "broken")
    with pytest.raises(NotFound, match="There are: none"):
        active_plan(store, "", "shop")
