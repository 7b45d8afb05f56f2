"""`mcop once`: what a container is told by its environment, before anything is started."""

import json

import pytest

from mcop_core import bootstrap
from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.memory import MemoryRepository
from tests.core.publishing.conftest import Folder

VARIABLES = ("MANIFEST_NAME", "MANIFEST_VERSION", "OVERRIDES", "OUTPUT_PATH", "RENDER_ONLY")


@pytest.fixture
def once(mcop, monkeypatch, tmp_path):
    """Return what calls `mcop once` with these variables, on a catalog that holds `shop`."""
    repository, store = MemoryRepository(), LocalStore.open((tmp_path / "store").as_uri())
    monkeypatch.setattr(bootstrap, "open_repository", lambda settings: repository)
    monkeypatch.setattr(bootstrap, "open_store", lambda url: store)
    folder = Folder(tmp_path / "catalog")
    assert mcop("catalog", "publish", str(folder.path))[0] == 0

    def call(**variables):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return mcop("once")

    return call


REFUSED = {
    "nothing is named": ({}, 2, "no manifest is named: set MANIFEST_NAME"),
    "an unknown manifest": ({"MANIFEST_NAME": "shap"}, 3, 'Did you mean "shop"?'),
    "an unknown version": ({"MANIFEST_NAME": "shop", "MANIFEST_VERSION": "9.0.0"}, 3, "9.0.0"),
    "overrides that are no JSON": (
        {"MANIFEST_NAME": "shop", "OVERRIDES": '{"title": '},
        2,
        "OVERRIDES is no JSON: Expecting value: line 1 column 11",
    ),
    "overrides that are a list": ({"MANIFEST_NAME": "shop", "OVERRIDES": "[1]"}, 2, "OVERRIDES is list, not an object"),
    "an output that is no folder": (
        {"MANIFEST_NAME": "shop", "OUTPUT_PATH": "/proc/nothing"},
        2,
        "OUTPUT_PATH is '/proc/nothing': nothing can be written there",
    ),
    "an override of nothing": ({"MANIFEST_NAME": "shop", "OVERRIDES": '{"titel": "x"}'}, 2, "titel"),
}


@pytest.mark.parametrize(("variables", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_executed_is_refused_before_anything_starts(once, variables, code, said):
    """With what was wrong, and what is right; the exit codes are those of every command."""
    found, _, err = once(**variables)

    assert (found, said in err) == (code, True), err


def test_rendering_alone_writes_the_plan_and_what_can_be_rendered(once, tmp_path):
    """No Airflow is started, and nothing is applied."""
    code, out, err = once(MANIFEST_NAME="shop", OUTPUT_PATH=str(tmp_path / "out"), RENDER_ONLY="true")

    plan = json.loads((tmp_path / "out/plan.json").read_text())
    assert code == 0, err
    assert plan["manifest"] == "manifest#shop@1.0.0"
    assert "STEP" in out
    assert list((tmp_path / "out/artifacts").glob("*/terraform.tfvars.json"))
    assert not (tmp_path / "out/execution.json").exists()
