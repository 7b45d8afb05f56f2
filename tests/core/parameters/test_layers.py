from mcop_core.parameters.layers import Layer


def test_layers_are_in_the_order_of_the_design():
    """The last of the seven layers wins over all others."""
    assert [str(layer) for layer in sorted(Layer, key=lambda layer: layer.rank)] == [
        "primitive default",
        "pattern default",
        "pattern element",
        "workflow",
        "manifest configuration",
        "manifest override",
        "run override",
    ]
    assert Layer.WORKFLOW.beats(Layer.PATTERN_ELEMENT)
    assert not Layer.WORKFLOW.beats(Layer.WORKFLOW)
