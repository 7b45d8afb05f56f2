"""Which stores there are, who may read what, and how faults are told."""

from importlib.metadata import EntryPoint

import pytest

from mcop_core.entry_points import registered
from mcop_core.errors import Conflict, InvalidInput, NotFound, Refused
from mcop_core.secrets.reference import SecretRef
from mcop_core.secrets.stores import GROUP, SecretReader, read_scopes

ENVIRONMENT = {"MCOP_SECRET_A": "hunter2", "MCOP_SECRET_B": '{"user": "bob"}'}


def refs(*texts):
    return [SecretRef.parse(text) for text in texts]


@pytest.mark.parametrize("scopes", [None, {"*": ["secret://*"]}, {"shop": ["secret://airflow/mcop.team.*"]}])
@pytest.mark.parametrize("id_", ["mcop.team.aws", "MCOP.team.aws", "mcop.team"])
def test_a_connection_of_another_namespace_is_read_for_nobody_else(scopes, id_):
    """Whatever else is allowed, and in whatever letters it is asked for."""
    (ref,) = refs(f"secret://airflow/{id_}#password")
    with pytest.raises(Refused, match="belongs to the namespace team, and this manifest is of shop"):
        SecretReader({}, scopes, {str(ref): "hunter2"}).read("shop", [ref])


def test_a_connection_of_the_own_namespace_needs_no_scope():
    """Its id says whose it is; `mcop.shop-eu.aws` is another namespace's."""
    (ref,) = refs("secret://airflow/mcop.shop.aws#password")
    reader = SecretReader({}, {"shop": ["secret://env/*"]}, {str(ref): "hunter2"})

    assert reader.read("shop", [ref]) == {ref: "hunter2"}
    with pytest.raises(Refused):
        reader.read("shop-eu", [ref])


def test_the_stores_are_one_visible_mapping():
    """The entry points of the package."""
    assert list(registered(GROUP, "secret store")) == ["airflow", "env", "secretsmanager", "ssm", "vault"]


def test_two_stores_of_one_name_are_refused():
    """Both are named."""
    points = [EntryPoint("vault", value, GROUP) for value in ("a:A", "b:B")]

    with pytest.raises(Conflict, match="a:A and b:B"):
        registered(GROUP, "secret store", points)


def test_all_references_are_read_at_once():
    """Each once."""
    a, b = refs("secret://env/A", "secret://env/B#user")

    assert SecretReader(ENVIRONMENT).read("shop", [a, b, a]) == {a: "hunter2", b: "bob"}


def test_what_was_read_before_is_not_asked_for_again():
    """The store is not even set up here."""
    (ref,) = refs("secret://vault/kv/a#b")

    assert SecretReader({}, known={str(ref): "given"}).read("shop", [ref]) == {ref: "given"}


def test_every_reference_that_cannot_be_read_is_told():
    """With its reason, and without the values of the others."""
    wanted = refs("secret://env/A", "secret://env/C", "secret://valut/a", "secret://env/B#uesr")
    with pytest.raises(NotFound) as caught:
        SecretReader(ENVIRONMENT).read("shop", wanted)

    text = str(caught.value)
    assert "no variable MCOP_SECRET_C" in text
    assert 'Did you mean "#user"?' in text
    assert (
        "no secret store 'valut'. Registered: airflow, env, secretsmanager, ssm, vault. Did you mean \"vault\"?" in text
    )
    assert "hunter2" not in text


SCOPES = {"shop": ("secret://env/A*",), "*": ("secret://env/B#user",)}


def test_a_namespace_reads_what_it_may():
    """Its own patterns, and those of all."""
    a, b = refs("secret://env/A", "secret://env/B#user")
    reader = SecretReader(ENVIRONMENT, SCOPES)

    assert set(reader.read("shop", [a, b])) == {a, b}
    with pytest.raises(Refused, match=r"secret://env/A: manifests of the namespace other may not .* Allowed: .*B#user"):
        reader.read("other", [a, b])


def test_a_scope_holds_for_what_was_handed_over_too():
    """Who asks decides, not how a value came."""
    (ref,) = refs("secret://airflow/db#password")

    with pytest.raises(Refused, match="may not read"):
        SecretReader({}, SCOPES, known={str(ref): "given"}).read("shop", [ref])


@pytest.mark.parametrize("text", ["{", "[]", '{"shop": "secret://env/A"}', '{"shop": [1]}'])
def test_scopes_of_another_form_are_refused(text):
    """An administrator's mistake must not open everything."""
    with pytest.raises(InvalidInput, match="MCOP_SECRETS_SCOPES"):
        read_scopes(text)
