"""
What every `Engine` does without touching a cloud: inherit `EngineContract` and give the fixtures it names.

    engine      the engine
    sample      an `EngineSample`: files of a primitive, a broken variant, an adapter's settings, a backend
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mcop_core.catalog.models import AdapterSettings, Interface
from mcop_core.engines.base import RenderedArtifact, RenderRequest, SensitivePointer
from mcop_core.errors import InvalidDocuments

ADDRESS = ("shop", "shop-test", "base", "net", "thing")

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
    """

    files: Mapping[str, bytes]
    broken: Mapping[str, bytes]
    broken_line: int
    settings: AdapterSettings
    backend: Mapping[str, Any]
    values_of: Callable[[RenderedArtifact], Mapping[str, Any]]

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

    def test_a_sensitive_value_is_in_no_file(self, engine, sample):
        """Only where it lies stands in the artifact, for the runner alone."""
        pointer = SensitivePointer("s3://state?region=us-east-1#shop/shop-test/a/b/c.tfstate", "password")
        artifact = self.render(engine, sample, {"a": [pointer]})

        assert b"mcop_sensitive" not in b"".join(artifact.files.values())
        assert json.dumps(pointer.to_json()) in json.dumps(dict(artifact.runtime))
