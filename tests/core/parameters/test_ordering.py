from hypothesis import given, settings
from hypothesis import strategies as st

from mcop_core.parameters.ordering import find_cycles, order_by_references

GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3), max_size=6)


def test_every_node_comes_after_what_it_refers_to():
    """And what is free keeps the order in which it is written."""
    assert order_by_references({"c": ["a"], "b": [], "a": ["b"], "d": []}) == ["b", "a", "c", "d"]


def test_nodes_on_and_behind_a_circle_have_no_place():
    """They are left out."""
    assert order_by_references({"a": ["b"], "b": ["a"], "c": ["a"], "d": []}) == ["d"]


def test_a_circle_is_told_from_its_first_node():
    """Each node refers to the next, the last to the first."""
    assert find_cycles({"x": ["c"], "a": ["b"], "b": ["c", "x"], "c": ["a"], "s": ["s"]}) == [
        ("x", "c", "a", "b"),
        ("s",),
    ]


@settings(max_examples=200, deadline=None)
@given(GRAPHS)
def test_a_graph_is_ordered_whole_or_has_a_circle(edges):
    """Order and circles agree, and both hold what they promise."""
    order, cycles = order_by_references(edges), find_cycles(edges)

    assert bool(cycles) == (len(order) < len(edges))
    place = {node: index for index, node in enumerate(order)}
    assert all(place[target] < place[node] for node in order for target in edges[node] if target in edges)
    for cycle in cycles:
        assert all(after in edges[node] for node, after in zip(cycle, (*cycle[1:], cycle[0]), strict=True))
