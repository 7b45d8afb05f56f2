"""A fixed set of objects, found by name, requirement and pin."""

import pytest

from mcop_core.catalog.models import Adapter, Pattern, Primitive
from mcop_core.catalog.view import CatalogView, adapter_pin_key, pin_key, rule_pin_key
from mcop_core.errors import ObjectNotFound
from mcop_core.refs import Kind, ObjectRef
from tests.contracts.catalog_repository import adapter, pattern, primitive, rule

VERSIONS = [primitive(version=version) for version in ("1.9.0", "1.10.0", "2.0.0", "3.0.0-rc1")]


def found(view, requirement):
    return view.find(Kind.PRIMITIVE, "vpc", requirement, Primitive).version


@pytest.mark.parametrize(
    ("requirement", "version"),
    [("~> 1.0", "1.10.0"), ("1.9.0", "1.9.0"), ("latest", "2.0.0"), ("3.0.0-rc1", "3.0.0-rc1")],
)
def test_a_requirement_finds_the_highest_it_allows(requirement, version):
    """In version order, pre-releases by their own name alone."""
    assert found(CatalogView(VERSIONS), requirement) == version


def test_a_pin_wins_over_newer_versions():
    """What a manifest compiled with is what it finds, for this requirement and no other."""
    view = CatalogView(VERSIONS, pins={pin_key(Kind.PRIMITIVE, "vpc", "~> 1.0"): "1.9.0"})

    assert (found(view, "~> 1.0"), found(view, "latest")) == ("1.9.0", "2.0.0")


def test_a_hidden_version_is_reached_by_pins_alone():
    """A revoked version is not chosen any more; who is pinned to it still finds it."""
    hidden = [ObjectRef.parse("primitive#vpc@1.10.0")]
    pins = {pin_key(Kind.PRIMITIVE, "vpc", "~> 1.0"): "1.10.0"}

    assert found(CatalogView(VERSIONS, hidden=hidden), "~> 1.0") == "1.9.0"
    assert found(CatalogView(VERSIONS, hidden=hidden, pins=pins), "~> 1.0") == "1.10.0"


def test_an_unknown_name_is_told_the_nearest():
    """Of the same kind."""
    view = CatalogView([*VERSIONS, pattern("vpd")])
    with pytest.raises(ObjectNotFound, match="there is no primitive 'vpcs'") as caught:
        view.find(Kind.PRIMITIVE, "vpcs", "latest", Primitive)

    assert (caught.value.suggestion, caught.value.allowed) == ("vpc", ())


@pytest.mark.parametrize("pins", [{}, {pin_key(Kind.PRIMITIVE, "vpc", "~> 9.0"): "9.1.0"}])
def test_an_unknown_version_is_told_the_known_ones(pins):
    """In version order, whether a requirement or a pin leads nowhere."""
    with pytest.raises(ObjectNotFound) as caught:
        found(CatalogView(VERSIONS, pins=pins), "~> 9.0")

    assert caught.value.allowed == ("1.9.0", "1.10.0", "2.0.0", "3.0.0-rc1")


def test_what_is_found_is_of_the_kind_that_was_asked_for():
    """Asking for the wrong model is a mistake in the program, and loud."""
    with pytest.raises(TypeError):
        CatalogView(VERSIONS).find(Kind.PRIMITIVE, "vpc", "latest", Pattern)


def test_names_and_versions_are_listed_in_order():
    """Names by text, versions by version order; one version by its address, or None."""
    view = CatalogView([*reversed(VERSIONS), primitive("a"), pattern("b")])

    assert view.names(Kind.PRIMITIVE) == ["a", "vpc"]
    assert view.versions(Kind.PRIMITIVE, "vpc") == ["1.9.0", "1.10.0", "2.0.0", "3.0.0-rc1"]
    assert view.versions(Kind.PRIMITIVE, "nothing") == []
    assert view.get(VERSIONS[0].ref) == VERSIONS[0]
    assert view.get(ObjectRef.parse("rule#vpc@1.0.0")) is None


def test_a_rule_is_the_latest_unless_pinned():
    """With pins, a rule published later holds only once the manifest is pinned again."""
    rules = [rule(version="1.0.0"), rule(version="1.1.0")]

    assert CatalogView(rules).rule("size") == rules[1]
    assert CatalogView(rules, pins={rule_pin_key("size"): "1.0.0"}).rule("size") == rules[0]
    assert CatalogView(rules, pins={"other": "1.0.0"}).rule("size") is None
    assert CatalogView(rules).rule("colour") is None


def test_an_adapter_is_found_by_what_it_serves():
    """The pinned one, or the latest of the first by name."""
    adapters = [adapter("b"), adapter("a"), adapter("a", "1.1.0")]
    pinned = {adapter_pin_key("aws", "terraform"): "b@1.0.0"}

    assert CatalogView(adapters).adapter("aws", "terraform") == adapters[2]
    assert CatalogView(adapters, pins=pinned).adapter("aws", "terraform") == adapters[0]
    assert isinstance(CatalogView(adapters).adapter("aws", "terraform"), Adapter)


def test_a_pair_that_nobody_serves_is_told_the_served_ones():
    """With the nearest."""
    with pytest.raises(ObjectNotFound) as caught:
        CatalogView([adapter()]).adapter("aws", "terrafrom")

    assert (caught.value.allowed, caught.value.suggestion) == (("aws/terraform",), "aws/terraform")
