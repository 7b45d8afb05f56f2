"""What a component puts out since its last apply, and a preview that is told it."""

import pytest

from mcop_core.catalog.models import AdapterSettings, Input, Interface
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.outputs import outputs_of
from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.preview import preview
from mcop_core.engines.terraform.toolchain import Toolchain
from mcop_core.engines.values import SensitivePointer
from mcop_core.errors import EngineFailed, StoredObjectMissing
from mcop_core.refs import OutputRef
from tests.core.engines.terraform.operations import KEY, Bench, Recorder, artifact

OUTPUTS = {"plain": {"value": [1], "type": ["list", "number"]}, "token": {"value": "canary", "type": "string"}}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def place(bench, **fields):
    document = {"version": 4, "serial": 1, "lineage": "one", "resources": [], "outputs": {}, **fields}
    bench.store.put(KEY, StateFile.of(document).data)


def test_what_was_put_out_last_is_returned(bench):
    """Sensitive values stay where they are; what the state lacks is null."""
    made = artifact(bench.url, {}, outputs=("plain", "nothing"), sensitive=("token",))
    place(bench, outputs=OUTPUTS)
    pointer = SensitivePointer(f"{bench.url}#{KEY}", "token").to_json()
    expected = {"plain": [1], "nothing": None, "token": pointer}
    assert outputs_of(made, lambda url: bench.store) == expected


def test_an_output_is_of_the_type_that_was_promised(bench):
    """By Terraform's conversions; what it is instead is said, and no value."""
    made = artifact(bench.url, {}, outputs=("plain",), sensitive=("token",))
    place(bench, outputs=OUTPUTS)
    promised = made.runtime["outputs"]
    promised["plain"]["type"], promised["token"]["type"] = "list(string)", "string"
    assert outputs_of(made, lambda url: bench.store)["plain"] == [1]

    promised["plain"]["type"], promised["token"]["type"] = "string", "map(string)"
    with pytest.raises(EngineFailed, match="plain: a string is wanted, this is a list; token: a map") as failed:
        outputs_of(made, lambda url: bench.store)
    assert "canary" not in str(failed.value)


def test_a_component_that_was_not_applied_puts_nothing_out(bench):
    """Without a state, and with one that is empty."""
    made = artifact(bench.url, {}, outputs=("plain",))
    with pytest.raises(StoredObjectMissing):
        outputs_of(made, lambda url: bench.store)
    place(bench)
    with pytest.raises(StoredObjectMissing):
        outputs_of(made, lambda url: bench.store)


@pytest.mark.terraform
def test_a_preview_shows_what_is_known_and_hides_what_is_sensitive(bench, tmp_path):
    """Outputs of components that are not looked at stand as values; a sensitive one is read, and never shown."""
    place(bench, outputs=OUTPUTS)
    files = {
        "main.tf": b"""
            variable "plain" {}
            variable "token" {}
            resource "terraform_data" "plain" { input = var.plain }
            resource "terraform_data" "token" { input = var.token }
        """
    }
    plain, token = OutputRef.parse("w.p.other.plain"), OutputRef.parse("w.p.other.token")
    interface = Interface(inputs={"plain": Input(), "token": Input()})
    address, backend = ("team", "app", "w", "p", "one"), {"type": "local", "path": str(tmp_path / "states")}
    given = {"plain": plain, "token": token}
    request = RenderRequest(address, files, interface, given, AdapterSettings(), {}, backend)
    known = {plain: [1], token: SensitivePointer(f"{bench.url}#{KEY}", "token").to_json()}

    (found,) = preview(
        [Component("w.p.one", request)],
        bench.workspace(),
        Recorder(),
        known,
        tools=Toolchain("terraform"),
    )

    shown = {one.address: [part for part in one.attributes if "input" in part.path] for one in found.resources}
    assert [part.after for part in shown["terraform_data.plain"]] == [1]
    assert all(part.is_sensitive for part in shown["terraform_data.token"])
    assert b"canary" not in found.to_json()
