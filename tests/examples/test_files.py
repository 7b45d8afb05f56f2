"""What the example engine does beside what every engine does."""

import json

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.bootstrap import open_engine
from mcop_core.catalog.models import Adapter, AdapterSettings, ProviderRequirement
from mcop_core.engines.changes import Action, Drift, Mode
from mcop_core.engines.refine import hold_to
from mcop_core.errors import EngineFailed, InvalidDocuments, InvalidInput, Refused, StateConflict
from mcop_core.refs import OutputRef
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import Recorder
from tests.examples.worlds import HIDDEN, World

ELSEWHERE = OutputRef.parse("base.net.vpc.id")


@pytest.fixture
def world(third_party, tmp_path):
    return World(open_engine("files", Settings()), tmp_path)


def read(world, key):
    return json.loads(world.site.get(key).data)


def test_files_hold_values_and_where_others_lie(world):
    """Each is JSON below the component's own folder; a sensitive value stands in the file that wants it alone."""
    result = world.apply({"port": 80})
    secret = world.settings.replace("app/settings", "secret")

    assert read(world, world.settings) == {"it": {"port": 80}, "fixed": [1, f"{world.site.url}#{secret}"]}
    assert read(world, secret) == {"password": HIDDEN}
    assert result.outputs["where"] == f"{world.site.url}#{world.settings}"
    assert (result.added, result.changed, result.destroyed) == (2, 0, 0)


def test_a_value_that_looks_like_a_hole_is_a_value(world):
    """It is written as it is: whoever gives a value cannot reach a secret of the component with it."""
    world.apply({"$input": "password"})

    assert read(world, world.settings)["it"] == {"$input": "password"}


def test_what_was_changed_by_hand_is_drift_and_is_undone(world):
    """The preview says which value is another, and since when it is not as it was written."""
    world.apply({"port": 80})
    world.site.put(world.settings, json.dumps({**read(world, world.settings), "it": {"port": 81}}).encode())
    (change,) = world.preview({"port": 80}).resources

    assert (Action.UPDATE, Drift.CHANGED) == (change.action, change.drift)
    assert [("content.it.port", 81, 80)] == [(one.path, one.before, one.after) for one in change.attributes]
    assert 1 == world.apply({"port": 80}).changed
    assert {"port": 80} == read(world, world.settings)["it"]


def test_a_deleted_file_is_drift(world):
    """Of one with a secret nobody sees the content, neither before nor after."""
    world.apply()
    world.site.delete(world.settings.replace("app/settings", "secret"))
    (change,) = world.preview().resources

    assert (Action.CREATE, Drift.DELETED) == (change.action, change.drift)
    assert [("content", None, None, True)] == [
        (one.path, one.before, one.after, one.is_sensitive) for one in change.attributes
    ]


def test_what_the_primitive_writes_no_more_is_removed(world):
    """A file that another version of it does not have goes."""
    world.apply()
    world.document = world.document.replace("  secret.json: {password: {$input: password}}\n", "").replace(
        ", {$file: secret.json}", ""
    )
    seen = world.preview()
    result = world.apply(gate=lambda planned: hold_to([seen], planned))

    assert (0, 1, 1) == (result.added, result.changed, result.destroyed)
    assert [world.settings] == world.made()


def test_what_somebody_else_wrote_is_left_alone(world):
    """A preview says so, and an apply does nothing, not even to other files."""
    world.site.put(world.settings, b"mine")

    assert Mode.DEFERRED is world.preview().mode
    with pytest.raises(Refused, match=r"app/settings\.json: MCOP did not write"):
        world.apply()
    assert [world.settings] == world.made()


def test_what_is_changed_between_gate_and_write_is_not_overwritten(world):
    """Somebody was faster: the step fails, and run again it sees what there is now."""
    world.apply()

    with pytest.raises(StateConflict, match="changed by somebody else meanwhile"):
        world.apply(2, gate=lambda planned: world.site.put(world.settings, b"{}"))
    assert 2 == world.apply(2).outputs["result"]


def test_what_only_a_run_knows_is_left_open(world):
    """The preview says which files will change, and an apply that fills them in is what was approved."""
    seen = world.preview(ELSEWHERE)
    known = {one.address.rpartition("/")[2]: [a.is_unknown for a in one.attributes] for one in seen.resources}
    outputs = {one.name: (one.after, one.is_unknown) for one in seen.outputs}

    assert {'settings.json"]': [True], 'secret.json"]': [False]} == known
    assert (None, True) == outputs["result"]
    assert {"it": 5} == world.preview({"it": ELSEWHERE}, {ELSEWHERE: 5}).outputs[1].after
    assert "vpc-1" == world.apply("vpc-1", gate=lambda planned: hold_to([seen], planned)).outputs["result"]


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4, 5])
def test_cut_off_anywhere_the_next_apply_goes_on(world, monkeypatch, fails_at):
    """Whatever was written is known as ours; a reconciler finds out that it did not come to its end."""

    class Killed(BaseException):
        pass

    puts, real = [], LocalStore.put

    def put(store, *given, **conditions):
        if not given[0].endswith("lock"):
            puts.append(given[0])
            if len(puts) == fails_at:
                raise Killed
        return real(store, *given, **conditions)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(LocalStore, "put", put)
        world.apply()
        raise Killed  # as many writes as that are not needed
    settled = world.engine.settle("apply", world.render(), world.workspace(), Recorder())

    assert (fails_at > 4) == (settled is not None)
    assert 1 == world.apply().outputs["result"]
    assert 2 == len(world.made())
    assert settled is None or settled.outputs == world.apply().outputs


def test_a_sensitive_value_of_another_type_is_named_and_not_shown(world):
    """Only the runner can know it."""
    world.document = world.document.replace("password: {type: string,", "password: {type: number,")
    with pytest.raises(InvalidInput, match="input password is not of its type, number") as caught:
        world.apply()

    assert HIDDEN not in str(caught.value)
    assert [] == world.made()


def test_another_store_gets_the_files_and_the_old_one_loses_them(world, tmp_path):
    """The state says where they lie."""
    world.apply()
    before = list(world.site.keys(""))
    old, world.site = world.site, type(world.site)(tmp_path / "new")
    world.open_store = lambda url: {one.url: one for one in (world.store, world.site, old)}[url]
    result = world.apply()

    assert (2, 2) == (result.added, result.destroyed)
    assert ([], before) == (list(old.keys("")), list(world.site.keys("")))


FAULTS = {
    "a field that there is not": ("inptus: {}\nfiles: {a: 1}", "files.yaml:1, inptus: there is no field"),
    "a deeper one": (
        "inputs:\n  a: {tpye: string}\nfiles: {a: 1}",
        'files.yaml:2, inputs.a.tpye: .*Did you mean "type"',
    ),
    "an output without a value": ("outputs:\n  a: {}\nfiles: {a: 1}", "files.yaml:2, outputs.a.value: the field"),
    "no file": ("inputs: {}", "files: it writes nothing"),
    "a path that leaves its folder": ("files:\n  ../a: 1", "files.yaml:2, files.../a: key '../a' is not allowed"),
    "an input that there is not": (
        "inputs: {port: {}}\nfiles:\n  a:\n  - {$input: prot}",
        r'files.yaml:4, files.a.0: there is no input \'prot\'. Allowed: port. Did you mean "port"',
    ),
    "a file that there is not": ("files:\n  a: {$file: b}", "files.yaml:2, files.a: there is no file 'b'"),
    "a default of another type": (
        "inputs:\n  a: {type: number, default: x}\nfiles: {a: 1}",
        "files.yaml:2, inputs.a.default",
    ),
    "a list": ("- 1", "it must be a mapping of inputs, outputs and files"),
}


@pytest.mark.parametrize(("text", "said"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_with_a_primitive_is_told_with_its_line(world, text, said):
    """And with the nearest right answer."""
    with pytest.raises(InvalidDocuments, match=said):
        world.engine.describe({"files.yaml": text.encode()})


@pytest.mark.parametrize("files", [{}, {"files.yaml": b"files: {a: 1}", "more.yaml": b""}], ids=["none", "too many"])
def test_a_primitive_is_one_file(world, files):
    """What would not be read is not taken."""
    with pytest.raises(InvalidDocuments, match=r"files\.yaml"):
        world.engine.describe(files)


SETTINGS = {
    "no store": ({}, "configuration.store is '': write s3://bucket"),
    "a store that is none": ({"store": "http://x"}, "configuration.store is 'http://x'"),
    "a path out of the folder": ({"store": "s3://x", "folder": "a/../b"}, "configuration.folder is 'a/../b'"),
    "a field that there is not": ({"store": "s3://x", "fodler": "a"}, 'fodler is no field. .*Did you mean "folder"'),
    "a number": ({"store": "s3://x", "folder": 5}, "configuration.folder is 5"),
}


@pytest.mark.parametrize(("configuration", "said"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_cannot_be_are_told(world, configuration, said):
    """When the adapter is published."""
    (problem,) = world.engine.check_settings(AdapterSettings(configuration=configuration))

    with pytest.raises(InvalidDocuments, match=said):
        raise InvalidDocuments(problem)


def test_what_refers_to_parameters_is_looked_at_when_it_is_rendered(world):
    """Publishing cannot know it."""
    open_ = AdapterSettings(configuration={"store": "s3://${bucket}", "folder": "${place}"})

    assert [] == world.engine.check_settings(open_)
    assert 2 == len(world.engine.check_settings(AdapterSettings(source="a/b", configuration={"store": "ftp://x"})))


def test_it_has_no_providers_and_says_what_it_needs(world):
    """Who asks for a provider is told."""
    configuration = {"store": "s3://site"}
    adapter = Adapter(
        name="site",
        version="1.0.0",
        provider="site",
        primitive_type="files",
        engine="files",
        settings=AdapterSettings(configuration=configuration),
    )

    assert [("store s3://site", None)] == [(need.what, need.found) for need in world.engine.needs(adapter)]
    with pytest.raises(EngineFailed, match="no providers"):
        world.engine.lock({"aws": ProviderRequirement(source="hashicorp/aws")})
    assert 3 == len(world.engine.lint({"files.yaml": b"inputs: {a: {}}\noutputs: {b: {value: 1}}\nfiles: {c: 1}"}))
