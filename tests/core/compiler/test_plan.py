from mcop_core.compiler.plan import DeploymentPlan


def test_steps_come_in_an_order_in_which_they_may_run(plan):
    """Each after all steps it waits for."""
    done = set()
    for step in plan.steps:
        assert set(step.after) <= done
        done.add(step.id)


def test_a_plan_is_addressed_by_its_content(plan):
    """Reading back changes no byte; any other value is another digest."""
    again = DeploymentPlan.model_validate_json(plan.to_json())
    other = plan.model_copy(update={"namespace": "other"})

    assert again.digest == plan.digest != other.digest
