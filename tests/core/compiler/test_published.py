"""A published manifest's plan: read by its digest, or compiled from what its pins name; on a catalog in memory."""

from dataclasses import replace

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.repository import Change
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.compiler.published import compile_chosen, compile_entry, plan_of_active
from mcop_core.compiler.snapshot import build_snapshot, plan_key, save_snapshot, snapshot_key
from mcop_core.errors import InvalidDocuments, Tampered, Unreachable
from tests.core.compiler.objects import manifest_of, objects, read, view_of

OTHER = "kind: rule\nname: other\nversion: 1.0.0\ntype: string\nvalue: x\n"
NEWER = {"kind": "primitive", "name": "vpc", "version": "1.3.0", "inputs": {"cidr_block": "string"}} | {
    "outputs": {"vpc_id": {}}
}


class Asked:
    """Passes on what *behind* is asked, and remembers it; *refused* are the questions it does not answer."""

    def __init__(self, behind, *refused):
        self.behind, self.refused, self.questions = behind, refused, []

    def __getattr__(self, name):
        def ask(*arguments, **options):
            self.questions.append(name)
            if name in self.refused:
                raise Unreachable(f"{name} was asked", service="")
            return getattr(self.behind, name)(*arguments, **options)

        return ask


@pytest.fixture
def store(tmp_path):
    return LocalStore.open((tmp_path / "store").as_uri())


@pytest.fixture
def catalog(shop, plan, store):
    """The shop with a newer network beside it, and a snapshot."""
    repository, ref = MemoryRepository(), manifest_of(shop).ref
    repository.commit(
        Change(0, "", put=[*shop, objects([NEWER])[0]], pins={ref: plan.pins}, activate={"shop": "3.1.0"})
    )
    snapshot = save_snapshot(store, *build_snapshot(repository.entries(), repository.active()))
    repository.commit(Change(1, snapshot, put=read(OTHER)[:1]))
    return repository


def the_shop(catalog, shop):
    return catalog.get(manifest_of(shop).ref)


@pytest.mark.parametrize("version", ["", "3.1.0"])
def test_the_active_plan_is_read_and_not_compiled(catalog, store, plan, tmp_path, version):
    """The head of the catalog, the snapshot, the plan."""
    asked, reads = Asked(catalog), Asked(store)

    assert plan_of_active(asked, reads, "shop", version, cache_dir=tmp_path / "kept") == plan
    assert (asked.questions, reads.questions) == (["head"], ["get", "get"])


def test_what_is_kept_is_not_read_again(catalog, store, plan, tmp_path):
    """An unchanged catalog costs the one look at its head."""
    plan_of_active(catalog, store, "shop", cache_dir=tmp_path / "kept")
    asked, reads = Asked(catalog), Asked(store)

    assert plan_of_active(asked, reads, "shop", cache_dir=tmp_path / "kept") == plan
    assert (asked.questions, reads.questions) == (["head"], [])


def test_what_is_kept_and_damaged_is_read_again(catalog, store, plan, tmp_path):
    """Nothing kept is trusted: it has the digest that it is asked for by, or it is fetched."""
    plan_of_active(catalog, store, "shop", cache_dir=tmp_path / "kept")
    for path in (tmp_path / "kept").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")

    assert plan_of_active(catalog, store, "shop", cache_dir=tmp_path / "kept") == plan


@pytest.mark.parametrize(("name", "version"), [("shop", "3.0.0"), ("shpo", "")])
def test_of_what_is_not_active_there_is_no_plan(catalog, store, tmp_path, name, version):
    """Another version, or another name."""
    assert plan_of_active(catalog, store, name, version, cache_dir=tmp_path / "kept") is None


def test_of_a_catalog_without_a_snapshot_there_is_no_plan(store, tmp_path):
    """It is empty."""
    assert plan_of_active(MemoryRepository(), store, "shop", cache_dir=tmp_path / "kept") is None


def test_a_store_that_lost_it_or_does_not_answer_has_no_plan(catalog, store, plan, tmp_path):
    """The catalog has all that it takes to compile it."""
    store.delete(plan_key(plan.digest))

    assert plan_of_active(catalog, store, "shop", cache_dir=tmp_path / "kept") is None
    assert plan_of_active(catalog, Asked(store, "get"), "shop", cache_dir=tmp_path / "other") is None


def test_other_bytes_in_the_store_are_refused(catalog, store, tmp_path):
    """A snapshot decides what is deployed; one that somebody changed is no reason to compile in silence."""
    store.put(snapshot_key(catalog.head().snapshot), b"{}")

    with pytest.raises(Tampered):
        plan_of_active(catalog, store, "shop", cache_dir=tmp_path / "kept")


def test_a_version_is_compiled_from_what_its_pins_name(catalog, shop, plan):
    """The same plan as with the whole catalog, which is not read."""
    asked = Asked(catalog, "entries", "versions", "keys")

    assert compile_entry(asked, the_shop(catalog, shop)) == plan
    assert asked.questions == ["get_many"]


def test_without_pins_versions_are_chosen_from_the_whole_catalog(catalog, shop, plan):
    """A newer version counts where no earlier compilation holds; so it does for the one pin that is missing."""
    entry = the_shop(catalog, shop)
    fewer = {key: version for key, version in plan.pins.items() if not key.startswith("primitive#vpc@")}

    assert compile_entry(catalog, replace(entry, pins={})).pins["primitive#vpc@~> 1.2"] == "1.3.0"
    assert compile_entry(catalog, replace(entry, pins=fewer)).pins["primitive#vpc@~> 1.2"] == "1.3.0"


def test_a_fault_is_told_with_what_the_whole_catalog_knows(catalog, shop, plan):
    """Which versions there are is no matter of pins."""
    pins = {**plan.pins, "primitive#vpc@~> 1.2": "1.2.7"}

    with pytest.raises(InvalidDocuments, match=r"1\.2\.7") as told:
        compile_entry(catalog, replace(the_shop(catalog, shop), pins=pins))
    assert ("1.2.0", "1.3.0") in [fault.allowed for fault in told.value.faults]


def test_what_is_no_manifest_is_not_compiled(catalog, shop):
    """It is said what it is."""
    with pytest.raises(TypeError, match="is no manifest"):
        compile_entry(catalog, catalog.get(shop[0].ref))


def test_another_provider_is_chosen_from_the_whole_catalog(catalog, shop, plan):
    """Pins hold what was chosen for the manifest as it is; without a choice it is the same plan."""
    assert compile_chosen(catalog, the_shop(catalog, shop), plan, {}) == plan
    assert compile_manifest(manifest_of(shop), view_of(shop)) == plan
