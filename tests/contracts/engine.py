"""
What every `Engine` does: inherit these and give the fixtures they name.

`EngineContract`, without touching a cloud:

    engine      the engine
    sample      an `EngineSample`: files of a primitive, a broken variant, an adapter's settings, a backend

`OperationContract`, for real:

    operated    an `Operated`: an engine, an artifact store, and what it is tried on
"""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.models import AdapterSettings, Interface
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.base import Component, Engine, RenderRequest
from mcop_core.engines.refine import hold_to
from mcop_core.engines.state import StateAddress, StateFile, read_outputs
from mcop_core.engines.values import SensitivePointer
from mcop_core.engines.workspace import Workspace
from mcop_core.errors import (
    Cancelled,
    InvalidDocuments,
    Refused,
    StateConflict,
    StateLocked,
    StoredObjectMissing,
    UnknownName,
    Waiting,
)
from mcop_core.secrets.reference import SecretRef
from tests.core.engines.terraform.operations import Recorder
from tests.core.runner.conftest import Following as Background
from tests.core.runner.conftest import wait_for

ADDRESS = ("shop", "shop-test", "base", "net", "thing")
RENAMED = (*ADDRESS[:4], "other")

ELSEWHERE = """
import pickle, sys

def forbid(event, arguments):
    writes = event == "open" and (arguments[1] or "r") not in ("r", "rb")
    if writes or event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.fork"):
        raise RuntimeError(f"rendering does {event} {arguments}")

from mcop_core.settings import Settings
engine, request = pickle.load(sys.stdin.buffer)
sys.addaudithook(forbid)
sys.stdout.buffer.write(engine(Settings()).render(request).to_json())
"""
"""Renders a request in a process of its own, which may neither write, start a program nor connect to anything."""

VALUES = [
    "plain",
    "",
    "line\nbreak \\ \" ' \U0001f980",
    "${file('/etc/passwd')} %{if} {{ x }} $(id) `id`",
    0,
    -1.5,
    12345678901234567890,
    True,
    False,
    None,
    [],
    {},
    [1, "two", [3.5, None, {"four": False}]],
    {"a b": {"${c}": ["d"]}, "": 1},
]


@dataclass(frozen=True)
class EngineSample:
    """
    A primitive as one engine takes it.

    Attributes:
        files: A primitive with an input `value` of any type, not required, and an output `result`.
        broken: The same with a fault in the first file of the mapping, at line `broken_line`.
        values_of: Artifact -> the value of every input that will reach the primitive, read from its files.
        takes_sensitive: Whether inputs may hold what is sensitive; else they are refused.
    """

    files: Mapping[str, bytes]
    broken: Mapping[str, bytes]
    broken_line: int
    settings: AdapterSettings
    backend: Mapping[str, Any]
    values_of: Callable[[RenderedArtifact], Mapping[str, Any]]
    takes_sensitive: bool = True

    def request(self, interface: Interface, inputs: Mapping[str, Any]) -> RenderRequest:
        """Return the request that renders the sample with *inputs*."""
        return RenderRequest(ADDRESS, self.files, interface, inputs, self.settings, {}, self.backend)


class EngineContract:
    """The specification of the pure part of `mcop_core.engines.base.Engine`."""

    def render(self, engine, sample, value):
        return engine.render(sample.request(engine.describe(sample.files), {"value": value}))

    def test_describe_reads_the_code(self, engine, sample):
        """Inputs and outputs are those of the files, in every reading."""
        interface = engine.describe(sample.files)

        assert "value" in interface.inputs
        assert "result" in interface.outputs
        assert interface == engine.describe(dict(reversed(sample.files.items())))

    def test_what_holds_nothing_forbidden_is_admitted(self, engine, sample):
        """Without any exemption."""
        assert {} == engine.admit(sample.files, engine.describe(sample.files))

    def test_describe_places_its_faults(self, engine, sample):
        """A fault has the file and line where it stands."""
        with pytest.raises(InvalidDocuments) as caught:
            engine.describe(sample.broken)

        assert (caught.value.faults[0].file, caught.value.faults[0].line) == (
            next(iter(sample.broken)),
            sample.broken_line,
        )

    def test_nothing_to_lock_is_no_lock(self, engine):
        """A primitive without providers has none to choose."""
        assert engine.lock({}) == {}

    def test_the_samples_settings_are_right(self, engine, sample):
        """What rendering takes, publishing takes."""
        assert engine.check_settings(sample.settings) == []

    def test_the_samples_backend_is_right(self, engine, sample):
        """What rendering takes, publishing takes."""
        assert engine.check_backend(sample.backend) == []

    @pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
    def test_inputs_are_carried_exactly(self, engine, sample, value):
        """What goes in comes out, whatever it looks like."""
        assert sample.values_of(self.render(engine, sample, value)) == {"value": value}

    def test_rendering_is_pure(self, engine, sample):
        """Same request, same bytes, in whatever order things were given."""
        interface = engine.describe(sample.files)
        request = sample.request(interface, {"value": {"b": 1, "a": 2}})
        turned = replace(request, files=dict(reversed(sample.files.items())), inputs={"value": {"a": 2, "b": 1}})

        assert engine.render(request).to_json() == engine.render(turned).to_json()

    def test_rendering_is_the_same_anywhere(self, engine, sample):
        """In a task, on a command line, in a replay: nothing around it counts, and nothing is touched."""
        value = {"b": [1, "two \U0001f980"], "a": SecretRef("vault", "shop/db", "password")}
        value = value if sample.takes_sensitive else {"b": [1, "two \U0001f980"], "a": None}
        request = sample.request(engine.describe(sample.files), {"value": value})
        around = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
        there = subprocess.run(
            [sys.executable, "-B", "-c", ELSEWHERE],
            input=pickle.dumps((type(engine), request)),
            env=around,
            cwd="/",
            capture_output=True,
        )

        assert there.returncode == 0, there.stderr.decode()
        assert engine.render(request).to_json() == there.stdout

    def test_a_backend_that_cannot_be_locked_is_refused(self, engine, sample):
        """When it is published, and when it is rendered."""
        backend = {**sample.backend, "type": "nowhere"}
        request = replace(sample.request(engine.describe(sample.files), {"value": 1}), backend=backend)

        assert any("nowhere" in problem for problem in engine.check_backend(backend))
        with pytest.raises((InvalidDocuments, UnknownName), match="nowhere"):
            engine.render(request)

    def test_another_value_is_another_artifact(self, engine, sample):
        """The digest covers the values."""
        digests = {self.render(engine, sample, value).digest for value in (1, "1", True, [1])}

        assert len(digests) == 4

    def test_another_address_is_another_state(self, engine, sample):
        """Two elements of the same primitive and values do not meet."""
        request = sample.request(engine.describe(sample.files), {"value": 1})
        other = replace(request, address=(*ADDRESS[:4], "other"))

        assert engine.render(request).digest != engine.render(other).digest

    def test_the_artifact_survives_its_store(self, engine, sample):
        """Written by digest and read back, it is the same and names its engine."""
        artifact = self.render(engine, sample, {"a": ["\U0001f980"]})
        read = RenderedArtifact.from_json(artifact.to_json(), artifact.digest)

        assert read == artifact
        assert read.engine == engine.name

    def test_an_unknown_input_is_refused_with_the_nearest(self, engine, sample):
        """A typing error is found before anything runs."""
        with pytest.raises(InvalidDocuments) as caught:
            engine.render(sample.request(engine.describe(sample.files), {"values": 1}))

        assert caught.value.faults[0].suggestion == "value"

    @pytest.mark.parametrize("is_secret", [False, True], ids=["output", "secret"])
    def test_a_sensitive_value_is_in_no_file(self, engine, sample, is_secret):
        """Only where it lies stands in the artifact, for the runner alone; or it is refused, by its input's name."""
        pointer = SensitivePointer("s3://state?region=us-east-1#shop/shop-test/a/b/c.tfstate", "password")
        value = SecretRef("vault", "shop/db", "password") if is_secret else pointer
        mark = {"mcop_secret": str(value)} if is_secret else pointer.to_json()
        if not sample.takes_sensitive:
            with pytest.raises(InvalidDocuments) as caught:
                self.render(engine, sample, {"a": [value]})
            assert "value" == caught.value.faults[0].path
            return
        artifact = self.render(engine, sample, {"a": [value]})

        assert b"mcop_se" not in b"".join(artifact.files.values())
        assert json.dumps(mark) in json.dumps(dict(artifact.runtime))

    def test_credentials_of_a_manifest_are_a_reference_or_refused(self, engine, sample):
        """Never is what a manifest names left out silently: its components would run with the worker's."""
        ref = SecretRef("airflow", "mcop.shop.cloud")
        request = replace(sample.request(engine.describe(sample.files), {"value": 1}), credentials=str(ref))
        try:
            artifact = engine.render(request)
        except InvalidDocuments as error:
            assert ["credentials"] == [fault.path for fault in error.faults]
            return
        assert (ref,) == artifact.secrets
        assert str(ref).encode() not in b"".join(artifact.files.values())
        assert engine.render(replace(request, credentials="")).digest != artifact.digest


VALUE = {"a": [1, "two \" ' $ \\u0027", None, True, False, "", "0", 0], "b": {"c": -1.5, "${d}": [], "e": {}}}


class Operated(Protocol):
    """
    An engine and the world that it changes.

    Attributes:
        engine: The engine.
        store: Where states and artifacts lie.
        secret: A text that must not be left anywhere; the engine needs it, or puts it out.
    """

    engine: Engine
    store: LocalStore
    secret: str

    def request(self, value: Any, *, slow: bool = False, address: tuple[str, ...] = ADDRESS) -> RenderRequest:
        """Return what puts out *value* as `result`, and `secret` as `hidden`, sensitive; *slow*: takes seconds."""

    def workspace(self) -> Workspace:
        """Return a fresh workspace; what `cancel` says holds for all."""

    def cancel(self) -> None:
        """Have whatever works with a workspace stop."""

    def resume(self) -> None:
        """Let what works with a workspace go on again."""

    def lose(self) -> None:
        """Take away what was made, behind the engine's back."""

    def is_at_work(self) -> bool:
        """Whether something is being made that takes seconds."""

    def made(self) -> list[str]:
        """Return what is there of what was made, by whatever name."""

    def traces(self) -> str:
        """Return everything that an operation may leave outside of its state: logs, artifacts, workspaces."""


def to_its_end(operate):
    """
    Return what an operation did that may have to wait: called again, it goes on, as a task has it called.

    Whenever it only waits, it holds nothing, and says when to look again.
    """
    while True:
        try:
            return operate()
        except Waiting as waiting:
            assert waiting.look_again_s > 0
            time.sleep(0.05)


class OperationContract:
    """The specification of what changes the world; every operation may say that it has only to wait."""

    def render(self, operated, value=VALUE, *, slow=False) -> RenderedArtifact:
        return operated.engine.render(operated.request(value, slow=slow))

    def apply(self, operated, value=VALUE, report=None, gate=None, *, slow=False):
        artifact = self.render(operated, value, slow=slow)
        return to_its_end(lambda: operated.engine.apply(artifact, operated.workspace(), report or Recorder(), gate))

    def destroy(self, operated, gate=None):
        return operated.engine.destroy(self.render(operated), operated.workspace(), Recorder(), gate)

    def preview(self, operated, value=VALUE):
        component = Component("base.net.thing", operated.request(value))
        (changes,) = operated.engine.preview([component], operated.workspace(), Recorder())
        return changes

    def test_applied_twice_the_second_time_changes_nothing(self, operated):
        """And puts out the same."""
        first, second = self.apply(operated), self.apply(operated)

        assert (False, True) == (first.is_empty, second.is_empty)
        assert first.outputs == second.outputs
        assert operated.made()

    def test_outputs_keep_their_types(self, operated):
        """What goes in comes out, through all that is between; asked again later too."""
        result = self.apply(operated)

        assert VALUE == result.outputs["result"]
        assert result.outputs == operated.engine.outputs(self.render(operated), lambda url: operated.store)

    def test_another_value_is_applied(self, operated):
        """A change is seen, made and put out."""
        self.apply(operated)
        result = self.apply(operated, [2])

        assert ([2], False) == (result.outputs["result"], result.is_empty)

    def test_a_sensitive_output_is_a_pointer(self, operated):
        """Its value is in the state that it names, and nowhere else."""
        report = Recorder()
        pointer = SensitivePointer.read(self.apply(operated, report=report).outputs["hidden"])

        assert operated.secret == read_outputs(lambda url: operated.store, StateAddress.parse(pointer.state))["hidden"]
        assert operated.secret not in operated.traces() + report.text + json.dumps(report.records)

    def test_what_was_not_applied_puts_nothing_out(self, operated):
        """Before and after."""
        for _ in range(2):
            with pytest.raises(StoredObjectMissing):
                operated.engine.outputs(self.render(operated), lambda url: operated.store)
            self.apply(operated)
            operated.engine.destroy(self.render(operated), operated.workspace(), Recorder())

    def test_destroying_leaves_nothing(self, operated):
        """And destroyed again, there is nothing to do."""
        self.apply(operated)
        first, second = (
            operated.engine.destroy(self.render(operated), operated.workspace(), Recorder()) for _ in range(2)
        )

        assert (False, True) == (first.is_empty, second.is_empty)
        assert [] == operated.made()
        for key in operated.store.keys(""):
            assert StateFile.parse(operated.store.get(key).data, key).is_empty, "beside empty states, nothing stays"

    def test_no_change_that_people_see_shows_a_secret(self, operated):
        """Neither what is previewed nor what a gate is asked with, whatever is done."""
        seen = []

        def see(changes):
            seen.append(changes)

        for value in (VALUE, [2]):
            seen.append(self.preview(operated, value))
            self.apply(operated, value, gate=see)
        seen.append(
            operated.engine.preview_destroy("base.net.thing", self.render(operated), operated.workspace(), Recorder())
        )
        self.destroy(operated, see)

        assert 6 <= len(seen)
        assert operated.secret not in "".join(one.to_json().decode() for one in seen)

    def test_what_was_lost_is_made_again(self, operated):
        """It is seen by a preview, made by the next apply, and puts out the same."""
        first = self.apply(operated)
        made = operated.made()
        operated.lose()
        lost, seen = operated.made(), self.preview(operated)
        again = self.apply(operated, gate=lambda planned: hold_to([seen], planned))

        assert made != lost
        assert seen.resources
        assert (first.outputs, made) == (again.outputs, operated.made())
        assert () == self.preview(operated).resources

    def test_a_component_with_another_id_is_taken_over(self, operated):
        """Moved twice it is moved once; what it puts out is found under both ids, and it is there once."""
        origin = self.render(operated)
        target = operated.engine.render(operated.request(VALUE, address=RENAMED))
        before = self.apply(operated)
        component = Component("base.net.other", operated.request(VALUE, address=RENAMED), {"base.net.thing": origin})
        (seen,) = operated.engine.preview([component], operated.workspace(), Recorder())
        for _ in range(2):
            operated.engine.move(origin, target, operated.workspace(), Recorder())
        held = lambda planned: hold_to([seen], planned)  # noqa: E731
        after = to_its_end(lambda: operated.engine.apply(target, operated.workspace(), Recorder(), held))
        pointer = SensitivePointer.read(before.outputs["hidden"])

        assert "base.net.thing" == seen.moved_from
        assert VALUE == after.outputs["result"]
        assert operated.secret == read_outputs(lambda url: operated.store, StateAddress.parse(pointer.state))["hidden"]
        operated.engine.destroy(target, operated.workspace(), Recorder())
        assert [] == operated.made()

    def test_two_that_are_there_do_not_become_one(self, operated):
        """Neither is touched."""
        target = operated.engine.render(operated.request(VALUE, address=RENAMED))
        self.apply(operated)
        to_its_end(lambda: operated.engine.apply(target, operated.workspace(), Recorder()))
        made = operated.made()
        with pytest.raises(StateConflict):
            operated.engine.move(self.render(operated), target, operated.workspace(), Recorder())

        assert made == operated.made()

    def test_settling_begins_nothing(self, operated):
        """Neither what was never begun nor what has ended."""
        artifact = self.render(operated)
        never = operated.engine.settle("apply", artifact, operated.workspace(), Recorder())
        first = self.apply(operated)
        made = operated.made()
        for operation in ("apply", "destroy"):
            operated.engine.settle(operation, artifact, operated.workspace(), Recorder())

        assert never is None
        assert made == operated.made()
        assert first.outputs == operated.engine.outputs(artifact, lambda url: operated.store)

    def test_what_the_gate_refuses_is_not_done(self, operated):
        """Neither made nor destroyed."""

        def refuse(changes):
            raise Refused("not this")

        with pytest.raises(Refused):
            self.apply(operated, gate=refuse)
        assert [] == operated.made()
        self.apply(operated)
        made = operated.made()
        with pytest.raises(Refused):
            operated.engine.destroy(self.render(operated), operated.workspace(), Recorder(), refuse)

        assert made == operated.made()

    def test_an_apply_does_what_was_previewed(self, operated):
        """The first time, and for another value; after it there is nothing to preview."""
        for value in (VALUE, {"a": 2}):
            approved = self.preview(operated, value)
            self.apply(operated, value, gate=lambda planned, approved=approved: hold_to([approved], planned))

            assert approved.resources
            assert () == self.preview(operated, value).resources

    def test_a_preview_changes_nothing(self, operated):
        """No state, no lock, nothing made."""
        self.preview(operated)

        assert ([], []) == (operated.made(), list(operated.store.keys("")))

    def test_a_destroy_does_what_was_previewed(self, operated):
        """Of what is not there, nothing."""
        artifact = self.render(operated)
        nothing = operated.engine.preview_destroy("base.net.thing", artifact, operated.workspace(), Recorder())
        self.apply(operated)
        approved = operated.engine.preview_destroy("base.net.thing", artifact, operated.workspace(), Recorder())
        operated.engine.destroy(
            artifact, operated.workspace(), Recorder(), lambda planned: hold_to([approved], planned)
        )

        assert () == nothing.resources
        assert approved.resources

    def test_cancelled_before_it_begins(self, operated):
        """Nothing is made."""
        operated.cancel()
        with pytest.raises(Cancelled):
            self.apply(operated)

        assert [] == operated.made()
        assert [] == [key for key in operated.store.keys("") if key.endswith("lock")]

    def test_a_destroy_that_is_cancelled_before_it_begins(self, operated):
        """Nothing goes."""
        self.apply(operated)
        made = operated.made()
        operated.cancel()
        with pytest.raises(Cancelled):
            self.destroy(operated)

        assert made == operated.made()

    def test_cancelled_while_it_works(self, operated):
        """
        Nobody else works on its state; it stops, and nothing goes on behind it.

        The lock is free, the next apply succeeds, and nothing stays once that is destroyed.
        """
        following = Background(lambda: self.apply(operated, slow=True))
        wait_for(operated.is_at_work)
        with pytest.raises(StateLocked):
            self.apply(operated)
        operated.cancel()
        with pytest.raises(Cancelled):
            following.result()

        assert not operated.is_at_work()
        assert [] == [key for key in operated.store.keys("") if key.endswith("lock")]
        operated.resume()
        assert VALUE == self.apply(operated).outputs["result"]
        self.destroy(operated)
        assert [] == operated.made()

    def test_what_is_destroyed_can_be_applied_again(self, operated):
        """From nothing."""
        self.apply(operated)
        operated.engine.destroy(self.render(operated), operated.workspace(), Recorder())

        assert VALUE == self.apply(operated).outputs["result"]
