"""Objects as their documents say them: frozen, closed, with one digest."""

import json

import pytest
from pydantic import ValidationError

from mcop_core.catalog.canonical import canonical_json
from mcop_core.catalog.models import MODELS, SCHEMA_VERSION, object_from_document
from mcop_core.errors import InvalidInput
from mcop_core.refs import Kind, ObjectRef
from tests.contracts.catalog_repository import adapter, interface, manifest, pattern, primitive, rule, workflow

OBJECTS = [interface(), primitive(), adapter(), pattern(), workflow(), manifest(), rule()]


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: item.kind)
def test_a_document_is_its_object(item):
    """Read, written and read again it is equal, with the same digest; the kind names its model."""
    again = object_from_document(json.loads(canonical_json(item.document())))

    assert (again, again.digest) == (item, item.digest)
    assert type(item) is MODELS[Kind(item.kind)]
    assert item.ref == ObjectRef(Kind(item.kind), item.name, item.version)


def test_every_kind_has_a_model():
    """And there is no other."""
    assert set(MODELS) == set(Kind)
    assert SCHEMA_VERSION in MODELS[Kind.RULE].model_fields["schema_version"].annotation.__args__


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (manifest(configuration={"a": 1}), manifest(configuration={"a": 1.0})),
        (manifest(configuration={"a": 1}), manifest(configuration={"a": True})),
        (manifest(configuration={"a": 1}), manifest(configuration={"a": "1"})),
        (pattern(parameters={"a": {}}), pattern(parameters={"a": {"default": None}})),
        (rule(values=["a", "b"]), rule(values=["b", "a"])),
    ],
)
def test_what_means_something_else_has_another_digest(one, other):
    """Numbers, truth and text differ; so do no default and a default of null."""
    assert one.digest != other.digest


def test_the_order_of_patterns_is_part_of_a_workflow():
    """It is written once and kept, though stored documents have sorted keys."""
    use = {"pattern": "network", "version": "1.0.0"}
    common = {"kind": "workflow", "name": "w", "version": "1.0.0", "backend": {"type": "s3"}}
    one = object_from_document({**common, "patterns": {"b": use, "a": use}})
    other = object_from_document({**common, "patterns": {"a": use, "b": use}})

    assert (one.sequence, other.sequence) == (("b", "a"), ("a", "b"))
    assert one.digest != other.digest
    assert object_from_document(json.loads(canonical_json(one.document()))).sequence == ("b", "a")
    with pytest.raises(ValidationError, match="sequence must name each of a, b once"):
        object_from_document({**common, "patterns": {"a": use, "b": use}, "sequence": ["a"]})


def test_keys_may_come_in_any_order():
    """A digest is of what is said, not of how it is written."""
    document = pattern().document()

    assert object_from_document(dict(reversed(document.items()))).digest == pattern().digest


def test_an_object_is_frozen_and_closed():
    """Nothing is set afterwards, nothing unknown is carried."""
    with pytest.raises(ValidationError):
        rule().name = "other"
    with pytest.raises(ValidationError, match="extra_forbidden"):
        object_from_document({**rule().document(), "colour": "red"})


def test_a_backend_carries_its_own_fields():
    """They are the backend's, whatever they are."""
    backend = {"type": "s3", "bucket": "${bucket}", "use_lockfile": True, "nested": {"a": [1]}}
    item = object_from_document({**workflow().document(), "backend": backend})

    assert item.document()["backend"] == backend


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({**rule().document(), "name": "a" * 64}, "string_pattern_mismatch"),
        ({**rule().document(), "name": "a\n"}, "string_pattern_mismatch"),
        ({**rule().document(), "version": "1.0"}, "is no version"),
        ({**rule().document(), "version": 1}, "string_type"),
        ({**rule().document(), "schema_version": 2}, "literal_error"),
        ({**rule().document(), "pattern": "a"}, "neither of the other two"),
        ({**pattern().document(), "elements": {}}, "too_short"),
        ({**pattern().document(), "parameters": {"a": {"sensitive": "yes"}}}, "bool_type"),
        (
            {**pattern().document(), "elements": {"a": {"primitive": "b", "version": "newest"}}},
            "no version requirement",
        ),
    ],
)
def test_a_wrong_document_is_refused(document, message):
    """Types are taken strictly: no text becomes a number or a truth."""
    with pytest.raises(ValidationError, match=message):
        object_from_document(document)


def test_an_unknown_kind_is_told_the_nearest():
    """With all that there are."""
    with pytest.raises(InvalidInput, match=r'Allowed: rule, .*Did you mean "pattern"'):
        object_from_document({"kind": "patern"})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_json_is_json(value):
    """What JSON cannot say is refused."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": value})


def test_canonical_json_is_one_text():
    """Sorted keys, no spaces, ASCII."""
    assert canonical_json({"b": [1, 1.5, None], "a": "é"}) == b'{"a":"\\u00e9","b":[1,1.5,null]}'


@pytest.mark.parametrize("element", [{}, {"primitive": "vpc", "interface": "network"}])
def test_an_element_names_one_thing(element):
    """A primitive, or an interface in its place."""
    with pytest.raises(ValidationError, match="a primitive or an interface, one of the two"):
        pattern(elements={"it": {"version": "1.0.0", **element}})


@pytest.mark.parametrize("provider", ["aws", "${cloud}"])
def test_a_provider_is_a_name_or_a_parameter(provider):
    """Nothing that would have to be put together."""
    assert pattern(provider=provider).provider == provider
    for wrong in (f"{provider}-x!", f"x{provider}y z", "", "${a.b}", "${}"):
        with pytest.raises(ValidationError):
            pattern(provider=wrong)


@pytest.mark.parametrize(
    "name",
    ["*", "A*", "MCOP_*", "MCOP_RECORD_KEY", "TF_VAR_x", "TF_*", "AIRFLOW__CORE", "LD_PRELOAD", "a", "A B", "A=B"],
)
def test_what_tells_mcop_itself_is_never_a_providers(name):
    """An adapter may name the variables that its provider reads."""
    document = {
        "kind": "adapter",
        "name": "a",
        "version": "1.0.0",
        "provider": "p",
        "primitive_type": "t",
        "engine": "e",
    }
    named = object_from_document({**document, "settings": {"environment": ["OCI_*", "IC_API_KEY", "KUBECONFIG"]}})
    assert named.settings.environment == ("OCI_*", "IC_API_KEY", "KUBECONFIG")
    with pytest.raises(ValidationError):
        object_from_document({**document, "settings": {"environment": [name]}})
