import pytest

from mcop_core.access.permissions import dag_permissions, role_permissions
from mcop_core.access.rules import ANY_NAMESPACE, Right, load_rules, read_rules
from mcop_core.errors import InvalidDocuments, InvalidInput

RULES = read_rules(
    {"shop": {"operators": ["execute"], "owners": ["view"]}, "*": {"owners": ["destroy", "approve"]}}, "access.toml"
)


def test_a_right_includes_that_one_may_look():
    """Who may execute may view, and nothing else."""
    assert RULES.grants("shop")["operators"] == {Right.VIEW, Right.EXECUTE}


def test_rights_everywhere_add_to_those_of_a_namespace():
    """A namespace that has no table has what is granted everywhere; so have the DAGs that belong to none."""
    everywhere = {"owners": {Right.VIEW, Right.DESTROY, Right.APPROVE}}

    assert RULES.grants("shop")["owners"] == everywhere["owners"]
    assert RULES.grants("bakery") == RULES.grants(ANY_NAMESPACE) == everywhere


def test_what_a_role_may_do_with_each_of_a_manifests_dags():
    """Starting needs its right on that DAG; approving needs no right to start."""
    grants = RULES.grants("shop")
    looks, edits, starts = {"can_read"}, {"can_read", "can_edit"}, {"can_read", "can_create"}

    assert dag_permissions(grants) == {
        "operators": {"DAGs": edits, "DAG Runs": starts},
        "owners": {"DAGs": edits, "DAG Runs": looks},
    }
    assert dag_permissions(grants, destroys=True) == {
        "operators": {"DAGs": looks, "DAG Runs": looks},
        "owners": {"DAGs": edits, "DAG Runs": starts},
    }


def test_who_approves_has_nothing_to_do_where_nobody_is_asked():
    """Airflow asks for the same permission to answer a question of a DAG and to pause it."""
    grants = read_rules({"*": {"signers": ["approve"]}}, "access.toml").grants(ANY_NAMESPACE)

    assert dag_permissions(grants)["signers"]["DAGs"] == {"can_read", "can_edit"}
    assert dag_permissions(grants, asks=False) == {"signers": {"DAGs": {"can_read"}, "DAG Runs": {"can_read"}}}


def test_what_a_role_may_do_with_kinds_of_things():
    """Nobody gets a DAG by it, nobody may start a run by it, and only who approves may answer."""
    found = {(one["name"], one["resource"]): one["action"] for one in role_permissions(RULES.roles())}

    assert {name for name, _ in found} == {"operators", "owners"}
    assert found["operators", "DAGs"] == found["owners", "DAGs"] == "menu_access"
    assert found["operators", "DAG Runs"] == "can_edit,can_read"
    assert (found["operators", "HITL Detail"], found["owners", "HITL Detail"]) == ("can_read", "can_edit,can_read")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"shop": {"ops": ["exceute"]}}, "access.toml, shop.ops: 'exceute' is no right. Allowed: view, execute"),
        ({"shop": {"ops": ["exceute"]}}, 'Did you mean "execute"'),
        ({"shop": {"ops": "execute"}}, "shop.ops: it must be a list of rights"),
        ({"shop": {"ops": []}}, "shop.ops: it must be a list of rights"),
        ({"shop": {"ops": [["execute"]]}}, "is no right"),
        ({"shop": ["ops"]}, "shop: it must be a table"),
        ({"Shop": {"ops": ["view"]}}, "neither the name of a namespace nor *"),
    ],
)
def test_a_fault_is_told_where_it_stands(document, said):
    """File, namespace and role, what was allowed, and what is near."""
    with pytest.raises(InvalidDocuments) as raised:
        read_rules(document, "access.toml")

    assert said in str(raised.value)


@pytest.mark.parametrize("text", [b"[shop", b"\xff", None])
def test_a_file_that_cannot_be_read_grants_nothing(tmp_path, text):
    """It is an error, and never an empty set of rules."""
    path = tmp_path / "access.toml"
    if text is not None:
        path.write_bytes(text)

    with pytest.raises(InvalidInput, match="access rules"):
        load_rules(path)
