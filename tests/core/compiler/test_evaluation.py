from mcop_core.compiler.evaluation import Evaluation, index_of, plain_names, reachable, read_type
from mcop_core.compiler.resolution import find_step
from mcop_core.parameters.types import ANY, Type
from mcop_core.refs import OutputRef


def test_scopes_are_evaluated_with_what_is_known(plan):
    """The manifest's names as one workflow sees them, then the pattern's; outputs stay open."""
    workflow, group, _ = find_step(plan, "platform.data.database")
    evaluation = Evaluation(plan, index_of(plan), overrides={"instance_type": "t3.medium"})

    scope, parameters = evaluation.scope(workflow), evaluation.parameters(workflow, group)

    assert scope.values["state_bucket"] == "acme-us-east-1-state"
    assert parameters.values == {
        "instance_type": "t3.medium",
        "subnet_ids": OutputRef.parse("platform.network.subnets.subnet_ids"),
    }


def test_faults_of_overrides_are_placed_in_the_overrides(plan):
    """And those of other values where they are written."""
    workflow, group, step = find_step(plan, "platform.network.subnets")
    evaluation = Evaluation(plan, index_of(plan), overrides={"zones": 5, "cidr": "x"})

    faults = evaluation.parameter_faults(workflow, group)

    assert [(fault.where, fault.path) for fault in faults] == [("overrides", "cidr"), ("overrides", "zones")]
    assert evaluation.step(workflow, group, step).faults == ()


def test_names_are_followed_through_templates():
    """However far, circles too."""
    templates = {"a": "${b}", "b": ["${c}", "${a}"], "d": 1}

    assert reachable(["a"], templates) == {"a", "b", "c"}
    assert plain_names({"k": "${x}{y.z}"}) == ["x"]


def test_a_type_that_cannot_be_read_fits_everything():
    """It is told once, where it is declared."""
    assert read_type("nonsense(") is ANY
    assert read_type("string") == Type("string")
