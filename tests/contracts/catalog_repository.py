"""
What every `CatalogRepository` does: inherit `CatalogRepositoryContract` and give the fixture `open_catalog`,
which opens the same, at first empty, catalog each time it is called.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from mcop_core.catalog.models import object_from_document
from mcop_core.catalog.repository import Change, Head, Standing
from mcop_core.errors import (
    Conflict,
    InvalidInput,
    ObjectNotFound,
    PreconditionFailed,
    VersionConflict,
)
from mcop_core.refs import Kind, ObjectRef

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITERS = 8


def ref(text):
    return ObjectRef.parse(text)


def primitive(name="vpc", version="1.0.0", **fields):
    common = {"kind": "primitive", "provider": "aws", "primitive_type": "terraform", "source": name}
    return object_from_document({**common, "name": name, "version": version, **fields})


def interface(name="bucket", version="1.0.0"):
    inputs = {"name": {"type": "string"}, "days": {"type": "number", "required": False}}
    outputs = {"url": {"description": "Where it is."}}
    return object_from_document(
        {"kind": "interface", "name": name, "version": version, "inputs": inputs, "outputs": outputs}
    )


def pattern(name="network", version="2.0.0", uses="vpc", **fields):
    common = {"kind": "pattern", "provider": "aws", "primitive_type": "terraform"}
    elements = {"it": {"primitive": uses, "version": "~> 1.0"}}
    return object_from_document({**common, "name": name, "version": version, "elements": elements, **fields})


def workflow(name="platform", version="1.0.0", uses="network"):
    patterns = {"it": {"pattern": uses, "version": "~> 2.0"}}
    return object_from_document(
        {"kind": "workflow", "name": name, "version": version, "patterns": patterns, "backend": {"type": "s3"}}
    )


def manifest(name="shop", version="1.0.0", uses="platform", **fields):
    workflows = {"it": {"workflow": uses, "version": "~> 1.0"}}
    common = {"kind": "manifest", "namespace": "store"}
    return object_from_document({**common, "name": name, "version": version, "workflows": workflows, **fields})


def adapter(name="aws-terraform", version="1.0.0"):
    common = {"kind": "adapter", "provider": "aws", "primitive_type": "terraform", "engine": "terraform"}
    return object_from_document({**common, "name": name, "version": version})


def rule(name="size", version="1.0.0", values=("small", "large")):
    return object_from_document(
        {"kind": "rule", "name": name, "version": version, "type": "enum", "values": list(values)}
    )


def publish(catalog, *objects, snapshot=None, **fields):
    """Commit *objects* on the present head and return the new head."""
    head = catalog.head()
    snapshot = f"snapshot-{head.revision + 1}" if snapshot is None else snapshot
    return catalog.commit(Change(expected_revision=head.revision, snapshot=snapshot, put=objects, **fields))


def everything(catalog):
    """All that a catalog holds, as one value."""
    return catalog.head(), catalog.entries(), catalog.active(), sorted(catalog.keys())


def race(attempts):
    """Run all *attempts* at once; what each returned, or the conflict it was told of."""
    barrier = Barrier(len(attempts))

    def run(attempt):
        barrier.wait()
        try:
            return attempt()
        except Conflict as error:
            return error

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


class CatalogRepositoryContract:
    """The specification of `mcop_core.catalog.repository.CatalogRepository`."""

    @pytest.fixture
    def catalog(self, open_catalog):
        return open_catalog()

    # -- empty -----------------------------------------------------------------------------------------

    def test_an_empty_catalog_has_revision_zero(self, catalog):
        """Nothing was ever published: there is no object, no active version and no snapshot."""
        assert (Head(0, ""), [], {}, []) == everything(catalog)
        assert catalog.versions(Kind.PRIMITIVE, "vpc") == []
        assert catalog.users(Kind.PRIMITIVE, "vpc") == []
        assert catalog.get_many([ref("primitive#vpc@1.0.0")]) == {}

    # -- publishing ------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "item",
        [interface(), primitive(), pattern(), workflow(), manifest(), adapter(), rule()],
        ids=lambda item: item.kind,
    )
    def test_what_is_published_is_there_as_it_was(self, open_catalog, item):
        """Each kind comes back equal, with its digest, stamped by the clock, active, from another connection too."""
        head = publish(open_catalog(), item)
        entry = open_catalog().get(item.ref)

        assert Head(1, "snapshot-1") == head == open_catalog().head()
        assert (item, item.digest, Standing.ACTIVE, "", {}) == (
            entry.object,
            entry.digest,
            entry.standing,
            entry.reason,
            entry.pins,
        )
        assert NOON <= entry.published_at < NOON + timedelta(days=1)
        assert {item.ref} == open_catalog().keys()
        assert {item.ref: item.document()} == open_catalog().documents()

    def test_a_null_default_stays_a_default(self, catalog):
        """A parameter whose default is null is not required after it was stored."""
        item = pattern(parameters={"optional": {"default": None}, "needed": {}})
        publish(catalog, item)
        parameters = catalog.get(item.ref).object.parameters

        assert (parameters["optional"].required, parameters["needed"].required) == (False, True)

    def test_values_of_every_json_shape_survive(self, catalog):
        """Numbers keep their kind, text its characters, maps and lists their order and depth."""
        values = {
            "int": 1,
            "float": 1.0,
            "big": 2**70,
            "text": "ü€😀\n",
            "none": None,
            "deep": [[{"a": [True, False]}]],
        }
        item = manifest(configuration=values)
        publish(catalog, item)

        stored = catalog.get(item.ref).object.configuration
        assert values == stored
        assert (int, float) == (type(stored["int"]), type(stored["float"]))

    def test_a_version_with_hundreds_of_variables_fits(self, catalog):
        """A document of half a megabyte is stored, since it is compressed."""
        inputs = {f"variable_{number}": {"type": "string", "description": "What it is. " * 80} for number in range(600)}
        item = primitive(interface={"inputs": inputs})
        publish(catalog, item)

        assert item == catalog.get(item.ref).object

    def test_publishing_the_same_again_moves_nothing(self, catalog):
        """Identical bytes under a published version succeed and leave the head alone, its time of publication too."""
        head = publish(catalog, primitive(), rule())
        before = catalog.entries()

        assert head == publish(catalog, rule(), primitive(), snapshot=head.snapshot)
        assert before == catalog.entries()

    def test_other_bytes_under_a_published_version_are_refused(self, catalog):
        """The refusal carries both digests, and nothing else of the change is done."""
        publish(catalog, primitive())
        other = primitive(source="elsewhere")
        with pytest.raises(VersionConflict) as caught:
            publish(catalog, primitive("subnets"), other, activate={})

        assert (primitive().ref, primitive().digest, other.digest) == (
            caught.value.ref,
            caught.value.published,
            caught.value.offered,
        )
        assert {primitive().ref} == catalog.keys()
        assert catalog.head().revision == 1

    def test_two_contents_of_one_version_in_one_change_are_refused(self, catalog):
        """A change cannot contradict itself."""
        with pytest.raises(VersionConflict):
            publish(catalog, primitive(), primitive(source="elsewhere"))

        assert catalog.head().revision == 0

    def test_a_change_on_an_old_revision_is_refused(self, catalog):
        """Who computed a change before somebody else's has to compute it again."""
        publish(catalog, primitive())
        with pytest.raises(PreconditionFailed):
            catalog.commit(Change(expected_revision=0, snapshot="x", put=[rule()]))

        assert (1, {primitive().ref}) == (catalog.head().revision, catalog.keys())

    def test_a_new_snapshot_alone_moves_the_head(self, catalog):
        """The same objects may compile to other plans, under a newer MCOP for example."""
        publish(catalog, primitive())

        assert Head(2, "newer") == publish(catalog, snapshot="newer") == catalog.head()

    # -- what happens to a version ---------------------------------------------------------------------

    def test_pins_come_with_the_manifest_and_may_change(self, catalog):
        """Pins are replaced whole; the manifest keeps its digest and its time of publication."""
        item = manifest()
        publish(catalog, item, pins={item.ref: {"workflow#platform@~> 1.0": "1.0.0"}})
        before = catalog.get(item.ref)
        publish(catalog, pins={item.ref: {"workflow#platform@~> 1.0": "1.1.0"}})
        after = catalog.get(item.ref)

        assert before.pins == {"workflow#platform@~> 1.0": "1.0.0"}
        assert after.pins == {"workflow#platform@~> 1.0": "1.1.0"}
        assert (before.digest, before.published_at) == (after.digest, after.published_at)
        assert catalog.head() == publish(catalog, snapshot="snapshot-2", pins={item.ref: after.pins})

    def test_a_standing_is_kept_with_its_reason(self, catalog):
        """A version is deprecated, revoked, reinstated; publishing it again does not change that."""
        item = primitive()
        publish(catalog, item, rule())
        publish(
            catalog, standings={item.ref: (Standing.REVOKED, "opens port 22"), rule().ref: (Standing.DEPRECATED, "")}
        )
        publish(catalog, item)

        assert (catalog.get(item.ref).standing, catalog.get(item.ref).reason) == (Standing.REVOKED, "opens port 22")
        assert Standing.DEPRECATED is catalog.get(rule().ref).standing

        publish(catalog, standings={item.ref: (Standing.ACTIVE, "")})
        assert Standing.ACTIVE is catalog.get(item.ref).standing

    def test_one_version_of_a_manifest_is_active(self, catalog):
        """The active version is what was activated last, in the change that publishes it or later."""
        publish(catalog, manifest(), manifest("other"), activate={"shop": "1.0.0", "other": "1.0.0"})
        publish(catalog, manifest(version="1.1.0"), activate={"shop": "1.1.0"})

        assert catalog.active() == {"other": "1.0.0", "shop": "1.1.0"}
        head = catalog.head()
        assert head == publish(catalog, snapshot=head.snapshot, activate={"shop": "1.1.0"})

    def test_a_rewritten_version_keeps_its_published_digest(self, catalog):
        """The document takes a newer form; address, digest and time stay, and both forms count as published."""
        old, new = primitive(), primitive(description="In the newer form.")
        publish(catalog, old)
        publish(catalog, rewrite={old.ref: new})
        entry = catalog.get(old.ref)
        head = catalog.head()

        assert (new, old.digest) == (entry.object, entry.digest)
        assert head == publish(catalog, old, snapshot=head.snapshot) == publish(catalog, new, snapshot=head.snapshot)
        with pytest.raises(VersionConflict):
            publish(catalog, primitive(description="Something else."))

    @pytest.mark.parametrize(
        "fields",
        [
            {"pins": {ref("manifest#shop@9.0.0"): {}}},
            {"standings": {ref("primitive#vpc@9.0.0"): (Standing.REVOKED, "")}},
            {"activate": {"shop": "9.0.0"}},
            {"rewrite": {ref("primitive#vpc@9.0.0"): primitive(version="9.0.0")}},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_what_is_not_there_cannot_be_changed(self, catalog, fields):
        """The error names the version, and nothing of the change is done."""
        publish(catalog, primitive(), manifest())
        with pytest.raises(ObjectNotFound, match=r"@9\.0\.0"):
            publish(catalog, rule(), **fields)

        assert {primitive().ref, manifest().ref} == catalog.keys()

    # -- finding ---------------------------------------------------------------------------------------

    def test_versions_are_in_version_order(self, catalog):
        """1.10.0 comes after 1.9.0, a pre-release before its release, whatever the order of publication."""
        ordered = [
            "1.9.0-alpha",
            "1.9.0-alpha.1",
            "1.9.0-rc.2",
            "1.9.0-rc.10",
            "1.9.0",
            "1.10.0",
            "2.0.0-rc1",
            "2.0.0",
            "10.0.0",
        ]
        publish(catalog, *(primitive(version=version) for version in sorted(ordered)))
        publish(catalog, *(rule(version=version) for version in sorted(ordered)))

        assert ordered == [entry.ref.version for entry in catalog.versions(Kind.PRIMITIVE, "vpc")]
        assert ordered == [entry.ref.version for entry in catalog.versions(Kind.RULE, "size")]
        assert ordered == [entry.ref.version for entry in catalog.entries(Kind.PRIMITIVE)]

    def test_versions_are_of_one_name_only(self, catalog):
        """Names that start alike, and objects that refer to the name, are not among its versions."""
        publish(catalog, primitive("vpc"), primitive("vpc-2"), primitive("vp"), pattern(uses="vpc"), rule("vpc"))

        assert [primitive("vpc").ref] == [entry.ref for entry in catalog.versions(Kind.PRIMITIVE, "vpc")]

    def test_entries_are_by_kind_name_and_version(self, catalog):
        """All of them, or those of one kind."""
        objects = [rule(), manifest(), primitive("b"), primitive("a", "1.10.0"), primitive("a", "1.9.0"), adapter()]
        publish(catalog, *objects)

        primitives = ["primitive#a@1.9.0", "primitive#a@1.10.0", "primitive#b@1.0.0"]
        expected = ["adapter#aws-terraform@1.0.0", "manifest#shop@1.0.0", *primitives, "rule#size@1.0.0"]
        assert expected == [str(entry.ref) for entry in catalog.entries()]
        assert primitives == [str(entry.ref) for entry in catalog.entries(Kind.PRIMITIVE)]
        assert [str(entry.ref) for entry in catalog.entries(Kind.RULE)] == ["rule#size@1.0.0"]

    def test_many_are_got_at_once(self, catalog):
        """What is there is in the answer, what is not is missing; asking twice is no matter."""
        publish(catalog, *(primitive(version=f"1.{number}.0") for number in range(90)), rule())
        wanted = [primitive(version=f"1.{number}.0").ref for number in range(130)] * 2
        found = catalog.get_many([*wanted, rule().ref])

        assert len(found) == 91
        assert all(address == entry.ref for address, entry in found.items())

    def test_a_wrong_version_is_told_the_known_ones(self, catalog):
        """The error lists the published versions in order."""
        publish(catalog, primitive(version="1.9.0"), primitive(version="1.10.0"))
        with pytest.raises(ObjectNotFound, match=r"Published: 1\.9\.0, 1\.10\.0") as caught:
            catalog.get(ref("primitive#vpc@2.0.0"))

        assert caught.value.allowed == ("1.9.0", "1.10.0")

    @pytest.mark.parametrize(
        ("wrong", "suggestion"),
        [
            ("primitive#vpcs@1.0.0", "vpc"),
            ("pattern#vpc@1.0.0", "primitive#vpc"),
            ("rule#sise@1.0.0", "size"),
            ("manifest#nothing-alike@1.0.0", None),
        ],
    )
    def test_a_wrong_name_is_told_the_nearest(self, catalog, wrong, suggestion):
        """The nearest name of that kind, or the kind that has an object of this name."""
        publish(catalog, primitive(), rule(), manifest())
        with pytest.raises(ObjectNotFound) as caught:
            catalog.get(ref(wrong))

        assert suggestion == caught.value.suggestion

    def test_users_are_found_by_what_they_name(self, catalog):
        """Patterns use primitives and rules, workflows patterns, manifests workflows: each by any version."""
        doors = {"size": {"rule": "size"}, "other": {}}
        publish(
            catalog, primitive(), pattern(parameters=doors), pattern(version="2.1.0"), workflow(), manifest(), rule()
        )

        used_by = {
            used: [str(user) for user in catalog.users(*used)]
            for used in [
                (Kind.PRIMITIVE, "vpc"),
                (Kind.RULE, "size"),
                (Kind.PATTERN, "network"),
                (Kind.WORKFLOW, "platform"),
            ]
        }
        assert used_by == {
            (Kind.PRIMITIVE, "vpc"): ["pattern#network@2.0.0", "pattern#network@2.1.0"],
            (Kind.RULE, "size"): ["pattern#network@2.0.0"],
            (Kind.PATTERN, "network"): ["workflow#platform@1.0.0"],
            (Kind.WORKFLOW, "platform"): ["manifest#shop@1.0.0"],
        }
        assert catalog.users(Kind.MANIFEST, "shop") == []

    def test_a_manifest_uses_what_its_pins_name(self, catalog):
        """New pins add users and take users away."""
        item = manifest()
        pins = {"primitive#vpc@~> 1.0": "1.0.0", "rule#size": "1.0.0", "adapter#aws/terraform": "aws-terraform@1.0.0"}
        publish(catalog, item, pins={item.ref: pins})
        used = [(Kind.PRIMITIVE, "vpc"), (Kind.RULE, "size"), (Kind.ADAPTER, "aws-terraform")]

        assert [[item.ref]] * 3 == [catalog.users(*one) for one in used]
        publish(catalog, pins={item.ref: {"primitive#vpc@~> 1.0": "1.1.0"}})
        assert [[item.ref], [], []] == [catalog.users(*one) for one in used]
        assert [item.ref] == catalog.users(Kind.WORKFLOW, "platform")

    # -- many ------------------------------------------------------------------------------------------

    def test_a_large_publication_is_one_change(self, open_catalog):
        """150 objects with users, pins and an activation become visible with one revision."""
        objects = [primitive(f"p{number}") for number in range(140)]
        patterns = [pattern(f"q{number}", uses=f"p{number}") for number in range(10)]
        shop = manifest()
        pins = {shop.ref: {f"primitive#p{number}@~> 1.0": "1.0.0" for number in range(140)}}
        publish(open_catalog(), rule())
        head = publish(open_catalog(), *objects, *patterns, shop, pins=pins, activate={"shop": "1.0.0"})
        catalog = open_catalog()

        assert Head(2, "snapshot-2") == head == catalog.head()
        assert {item.ref for item in (*objects, *patterns, shop, rule())} == catalog.keys()
        assert len(catalog.entries()) == 152
        assert [shop.ref, patterns[3].ref] == catalog.users(Kind.PRIMITIVE, "p3")
        assert ({"shop": "1.0.0"}, pins[shop.ref]) == (catalog.active(), catalog.get(shop.ref).pins)

    def test_a_large_publication_with_a_conflict_leaves_nothing(self, catalog):
        """One version of 150 that is published with other bytes keeps all of them out."""
        publish(catalog, primitive("p7"))
        with pytest.raises(VersionConflict):
            publish(catalog, *(primitive(f"p{number}", source="new") for number in range(150)))

        assert (1, {primitive("p7").ref}) == (catalog.head().revision, catalog.keys())

    def test_readings_go_to_the_last_page(self, open_catalog):
        """Objects of over a megabyte in all, which no incompressible document lets shrink, are all found."""
        big = [primitive(version=f"1.{number}.0", description=noise(100_000, seed=number)) for number in range(12)]
        publish(open_catalog(), *big[:6])
        publish(open_catalog(), *big[6:], *(rule(f"r{number}") for number in range(30)))
        catalog = open_catalog()

        assert big == [entry.object for entry in catalog.versions(Kind.PRIMITIVE, "vpc")]
        assert big == [entry.object for entry in catalog.entries(Kind.PRIMITIVE)]
        assert 42 == len(catalog.entries()) == len(catalog.keys())
        assert big == [catalog.get_many(item.ref for item in big)[item.ref].object for item in big]

    # -- races -----------------------------------------------------------------------------------------

    def test_of_many_contents_of_one_version_one_wins(self, open_catalog):
        """Eight writers publish the same version with other bytes: one is done, the others are told."""
        contents = [primitive(source=f"content-{number}") for number in range(WRITERS)]
        catalogs = [open_catalog() for _ in contents]
        told = race([lambda c=catalog, o=item: publish(c, o) for catalog, item in zip(catalogs, contents, strict=True)])

        winners = [item for item, answer in zip(contents, told, strict=True) if isinstance(answer, Head)]
        assert [open_catalog().get(primitive().ref).object] == winners
        assert Head(1, "snapshot-1") == open_catalog().head()

    def test_of_many_changes_on_one_revision_one_wins(self, open_catalog):
        """Eight writers publish different objects on the same revision; whoever computes again gets through."""
        objects = [primitive(f"p{number}") for number in range(WRITERS)]
        catalogs = [open_catalog() for _ in objects]
        change = [Change(expected_revision=0, snapshot="one", put=[item]) for item in objects]
        told = race([lambda c=one, x=what: c.commit(x) for one, what in zip(catalogs, change, strict=True)])

        assert sum(isinstance(answer, Head) for answer in told) == 1
        for item, answer in zip(objects, told, strict=True):
            if isinstance(answer, PreconditionFailed):
                publish(open_catalog(), item)
        assert {item.ref for item in objects} == open_catalog().keys()
        assert open_catalog().head().revision == WRITERS

    def test_a_reading_is_of_one_revision(self, open_catalog):
        """While a large publication is committed, a reader sees none of it or all of it."""
        publish(open_catalog(), rule())
        objects = [primitive(f"p{number}") for number in range(150)]
        writer, reader = open_catalog(), open_catalog()
        seen = []

        def read():
            while not seen or seen[-1] == 1:
                seen.append(len(reader.entries()))

        race([lambda: publish(writer, *objects), read])
        assert {1, 151} >= set(seen)

    # -- restoring -------------------------------------------------------------------------------------

    def test_an_empty_catalog_is_filled_by_a_restore(self, open_catalog, other_catalog):
        """Everything is as it was: standing, pins, time, users, active versions and head; and life goes on."""
        source = open_catalog()
        shop = manifest()
        publish(source, primitive(), rule(), shop, pins={shop.ref: {"primitive#vpc@~> 1.0": "1.0.0"}})
        publish(source, standings={rule().ref: (Standing.DEPRECATED, "old")}, activate={"shop": "1.0.0"})
        saved = source.entries(), source.active(), source.head()
        other_catalog.restore(*saved)
        other_catalog.restore(*saved)

        assert everything(source) == everything(other_catalog)
        assert [shop.ref] == other_catalog.users(Kind.PRIMITIVE, "vpc")
        assert publish(other_catalog, pattern()).revision == 3

    def test_a_restore_over_something_else_is_refused(self, open_catalog, other_catalog):
        """A catalog that has lived on, or has an object of its own, is left as it is."""
        source = open_catalog()
        publish(source, primitive())
        saved = source.entries(), source.active(), source.head()
        publish(other_catalog, primitive("own"))
        before = everything(other_catalog)
        with pytest.raises(VersionConflict):
            other_catalog.restore(*saved)
        publish(source, rule())
        with pytest.raises(VersionConflict):
            source.restore(*saved)

        assert before == everything(other_catalog)
        assert source.head().revision == 2

    def test_a_large_catalog_is_restored(self, open_catalog, other_catalog):
        """More versions than one transaction takes."""
        source = open_catalog()
        publish(source, *(primitive(f"p{number}") for number in range(130)))
        other_catalog.restore(source.entries(), source.active(), source.head())

        assert everything(source) == everything(other_catalog)


def noise(size_bytes, seed):
    """Text that compresses to *size_bytes* and no less, the same each time."""
    return random.Random(seed).randbytes(size_bytes).hex()


class StoredCatalogContract(CatalogRepositoryContract):
    """What every repository does that keeps the catalog outside the process."""

    def test_a_version_too_big_is_refused_beforehand(self, catalog):
        """The error names the version, its size and the limit; nothing of the change is done."""
        big = primitive(description=noise(500_000, seed=1))
        with pytest.raises(InvalidInput, match=r"primitive#vpc@1\.0\.0 is too big .* \d+ bytes") as caught:
            publish(catalog, rule(), big)

        assert caught.value.size_bytes > caught.value.limit_bytes
        assert (0, set()) == (catalog.head().revision, catalog.keys())
