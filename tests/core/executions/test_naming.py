import pytest

from mcop_core.errors import InvalidName
from mcop_core.executions import naming


@pytest.mark.parametrize(
    ("dag", "manifest"),
    [
        ("mcop.shop", "shop"),
        ("mcop.shop.destroy", "shop"),
        ("mcop.destroy", "destroy"),
        ("mcop_execute", None),
        ("mcop.", None),
        ("mcop.Shop", None),
        ("mcopxshop", None),
        ("mcop.shop.destroy.destroy", None),
        ("other", None),
    ],
)
def test_a_dag_id_leads_back_to_its_manifest(dag, manifest):
    """Both DAGs of a manifest name it; no other DAG names one."""
    assert manifest == naming.manifest_of(dag)


def test_a_dag_id_is_made_of_a_name():
    """The ids of the two DAGs; a text that is no name makes none."""
    assert (naming.dag_id("shop"), naming.destroy_dag_id("shop")) == ("mcop.shop", "mcop.shop.destroy")
    with pytest.raises(InvalidName, match=r"manifest 'shop\.destroy' is not allowed"):
        naming.dag_id("shop.destroy")


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("platform.network.apply_vpc", True),
        ("platform.network.render_vpc", False),
        ("platform.apply_network.render_vpc", False),
        ("platform.network.apply", False),
        ("admit", False),
    ],
)
def test_a_task_that_applies_is_told_by_its_id(task, expected):
    """The last part says which task of a step it is, whatever the groups are called."""
    assert expected == naming.is_apply_task(task)


def test_a_tag_names_the_plan():
    """It carries the beginning of the plan's digest."""
    assert naming.plan_tag("3fa9c1d2e4b5a6c7" * 4) == "plan:3fa9c1d2e4b5"


def test_ids_are_split_as_they_were_joined():
    """A run id may hold anything but the DAG id ends at the first slash."""
    assert naming.split_id(naming.execution_id("mcop.shop", "manual__x/y")) == ("mcop.shop", "manual__x/y")


@pytest.mark.parametrize("text", ["", "mcop.shop", "/r1", "mcop.shop/"])
def test_what_is_no_id_is_refused(text):
    """A manifest's name or half an id is not an execution."""
    with pytest.raises(InvalidName, match="executions list"):
        naming.split_id(text)
