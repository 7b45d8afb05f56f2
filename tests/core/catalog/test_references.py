"""Who refers to whom, and what a dead end says."""

import pytest

from mcop_core.catalog.references import catalog_order, dead_end, references
from mcop_core.catalog.repository import CatalogEntry
from mcop_core.refs import Kind
from tests.contracts.catalog_repository import NOON, adapter, manifest, pattern, primitive, ref, rule, workflow


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (primitive(), set()),
        (adapter(), set()),
        (rule(), set()),
        (pattern(parameters={"a": {"rule": "size"}, "b": {}}), {(Kind.PRIMITIVE, "vpc"), (Kind.RULE, "size")}),
        (pattern(elements={"a": {"interface": "network", "version": "1.0.0"}}), {(Kind.INTERFACE, "network")}),
        (primitive(implements={"network": "~> 1.0"}), {(Kind.INTERFACE, "network")}),
        (workflow(), {(Kind.PATTERN, "network")}),
        (manifest(), {(Kind.WORKFLOW, "platform")}),
    ],
)
def test_a_document_refers_to_what_it_names(item, expected):
    """By kind and name, whatever the version."""
    assert references(CatalogEntry(item, NOON)) == expected


def test_pins_refer_to_what_was_chosen():
    """An adapter, and what implements an interface, by what was chosen; everything else by the pin's key."""
    pins = {
        "pattern#network@~> 2.0": "2.1.0",
        "rule#size": "1.0.0",
        "adapter#aws/terraform": "aws-terraform@1.0.0",
        "interface#bucket@~> 1.0": "1.2.0",
        "primitive#bucket@~> 1.0/aws/terraform": "s3-bucket@1.0.0",
    }

    assert references(CatalogEntry(manifest(), NOON, pins=pins)) == {
        (Kind.WORKFLOW, "platform"),
        (Kind.PATTERN, "network"),
        (Kind.RULE, "size"),
        (Kind.ADAPTER, "aws-terraform"),
        (Kind.INTERFACE, "bucket"),
        (Kind.PRIMITIVE, "s3-bucket"),
    }


def test_catalog_order_is_by_kind_name_and_version():
    """1.10.0 after 1.9.0."""
    refs = [ref(text) for text in ("primitive#b@1.0.0", "primitive#a@1.10.0", "primitive#a@1.9.0", "adapter#z@1.0.0")]

    assert sorted(refs, key=catalog_order) == list(reversed(refs))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"versions": ["1.9.0", "1.10.0"], "names": ["vpc"]},
            "primitive#vpc@2.0.0: there is no such version. Published: 1.9.0, 1.10.0.",
        ),
        (
            {"versions": [], "names": ["vpcs"]},
            "primitive#vpc@2.0.0: there is no primitive 'vpc'. Did you mean \"vpcs\"?",
        ),
        (
            {"versions": [], "names": ["vpcs"], "kinds": [Kind.PATTERN]},
            "primitive#vpc@2.0.0: there is no primitive 'vpc'. Did you mean \"pattern#vpc\"?",
        ),
        ({"versions": [], "names": []}, "primitive#vpc@2.0.0: there is no primitive 'vpc'."),
    ],
)
def test_a_dead_end_says_what_is_near(facts, message):
    """The versions that there are, or the name that was meant."""
    assert str(dead_end(ref("primitive#vpc@2.0.0"), **facts)) == message
