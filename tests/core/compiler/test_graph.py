from mcop_core.compiler.graph import find_plan_cycles, order_plan, sequence_edges


def test_sequence_orders_whole_groups(plan):
    """Within a workflow each group waits for the one before; the next workflow waits for the last."""
    orders = {"platform": "sequence", "application": "sequence"}

    assert sequence_edges(plan, "sequence", orders) == {
        "platform.network": (),
        "platform.data": ("platform.network",),
        "application.web": ("platform.data",),
    }


def test_a_workflow_ordered_by_references_is_waited_for_as_a_whole(plan):
    """The next workflow waits for all its groups, since none of them is the last."""
    orders = {"platform": "references", "application": "sequence"}

    edges = sequence_edges(plan, "sequence", orders)

    assert edges["platform.data"] == ()
    assert edges["application.web"] == ("platform.data", "platform.network")
    assert set(sequence_edges(plan, "references", orders).values()) == {()}


def test_order_survives_any_writing(plan):
    """Groups and steps come in an order in which they may run, however they were written."""
    shuffled = plan.model_copy(update={"workflows": tuple(reversed(plan.workflows))})
    after = {step.id: step.after for step in plan.steps}

    ordered = order_plan(shuffled, after, {"application.web": ("platform.data",)})

    assert [step.id for step in ordered.steps] == [step.id for step in plan.steps]


def test_a_circle_of_sequence_and_references_is_told_apart_from_one_of_references(plan):
    """The first is solved by moving groups, the second by changing wiring."""
    backwards = {"platform.network.vpc": ("platform.data.database",)}

    (cycle,) = find_plan_cycles(plan, backwards, {"platform.data": ("platform.network",)})

    assert cycle.by_sequence
    assert cycle.path[0] == cycle.path[-1]
    assert {"platform.network.vpc", "platform.data.database"} <= set(cycle.path)
    assert find_plan_cycles(plan, {}, {}) == []
