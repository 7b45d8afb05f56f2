import json

import jsonschema
import pytest

from mcop_airflow.execution_request import PARAMS, ExecutionRequest, output_key, outputs_document, read_request
from mcop_core.errors import InvalidDocuments
from tests.plugins.plans import storefront

GOOD_PATHS = ["a", "a.json", "team/2026/run-1.json", "A_b=c/d.e"]
BAD_PATHS = ["", "/a", "../a", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a b", "a\n", "ä", "s3://b/k", "a" * 513, 7]
POINTER = {"mcop_sensitive": {"state": "s3://bucket/key", "output": "secret"}}


def conf(**fields):
    return {"manifest_name": "shop", **fields}


def test_a_name_is_enough():
    """Version, overrides and output path may be left out, or be null."""
    assert read_request(conf()) == ExecutionRequest("shop")
    assert read_request(conf(manifest_version=None, overrides=None, output_path=None)) == ExecutionRequest("shop")


def test_a_request_may_name_everything():
    """All keys are read."""
    request = read_request(
        conf(
            manifest_version="1.2.0",
            overrides={"size": "m"},
            action="preview",
            output_path="shop/run.json",
            only=["w.a"],
            with_dependants=True,
        )
    )

    assert request == ExecutionRequest("shop", "1.2.0", {"size": "m"}, "preview", "shop/run.json", ("w.a",), True)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({}, "conf, manifest_name: is missing"),
        (None, "conf, manifest_name: is missing"),
        ({"manifest_name": "Shop"}, "conf, manifest_name: 'Shop' is no name"),
        ({"manifest_name": 7}, "conf, manifest_name: 7 is no name"),
        ({"manifest_name": "shop\n"}, "conf, manifest_name: 'shop\\\\n' is no name"),
        (conf(manifest_version="1.2"), "conf, manifest_version: '1.2' is no version"),
        (conf(manifest_version=1.2), "conf, manifest_version: 1.2 is no text"),
        (conf(overrides=["a"]), "conf, overrides: must be an object"),
        (conf(action="aply"), "conf, action: is no action. Allowed: apply, preview"),
        (conf(only="w.a"), "conf, only: 'w.a' is no list of patterns"),
        (conf(with_dependants=True), "conf, with_dependants: it says nothing without only"),
        (conf(override={}), 'conf, override: is no key of this conf. .*Did you mean "overrides"'),
    ],
)
def test_bad_conf_is_refused_by_its_key(bad, said):
    """The fault names the key, what is wrong with it, and what is near."""
    with pytest.raises(InvalidDocuments, match=said):
        read_request(bad)


def test_every_fault_is_told_at_once():
    """A conf with three mistakes is told of three."""
    with pytest.raises(InvalidDocuments) as raised:
        read_request({"overrides": 1, "output_path": "../x", "nonsense": 1, "manifest_name": "shop"})

    assert {fault.path for fault in raised.value.faults} == {"overrides", "output_path", "nonsense"}


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_an_output_path_stays_below_outputs(path):
    """A relative path of plain parts is a key below outputs/."""
    assert read_request(conf(output_path=path)).output_path == path
    assert output_key(path) == f"outputs/{path}"


@pytest.mark.parametrize("path", BAD_PATHS)
def test_no_output_path_leads_elsewhere(path):
    """Absolute paths, dots, URLs and strange characters are refused."""
    with pytest.raises(InvalidDocuments, match="output_path"):
        read_request(conf(output_path=path))


@pytest.mark.parametrize("path", [*GOOD_PATHS, *BAD_PATHS])
def test_airflow_refuses_at_trigger_what_the_first_task_would(path):
    """The Params' JSON schema and the reader agree on output paths, but for the line break that `$` lets pass."""
    allowed = jsonschema.Draft7Validator(PARAMS["output_path"]["schema"]).is_valid(path)

    assert allowed == (path in GOOD_PATHS or path == "a\n")


def test_the_outputs_document_hides_what_is_sensitive():
    """Declared sensitive outputs and pointers are named, not shown; the rest keeps its type."""
    outputs = {"platform.network.vpc": {"id": "vpc-1", "token": POINTER, "other": POINTER, "zones": ["a"]}}
    text = outputs_document(storefront(), "d" * 64, dag_id="mcop.shop", run_id="r1", outputs=outputs)

    assert b"bucket" not in text
    assert json.loads(text) == {
        "manifest": "manifest#storefront@3.1.0",
        "plan": "d" * 64,
        "dag_id": "mcop.shop",
        "run_id": "r1",
        "outputs": {"platform.network.vpc": {"id": "vpc-1", "zones": ["a"]}},
        "sensitive": {"platform.network.vpc": ["other", "token"]},
    }
