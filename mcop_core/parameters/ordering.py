"""Order by references, and circles in them; without recursion, so that no chain is too long."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence


def order_by_references(edges: Mapping[str, Sequence[str]]) -> list[str]:
    """
    Return every node after the nodes it refers to.

    Nodes that are free to come first come in the order of *edges*. Nodes on a circle, and those behind one,
    have no place and are left out.

    Args:
        edges: Node -> the nodes it refers to; only nodes that are keys count.
    """
    place = {node: index for index, node in enumerate(edges)}
    nodes = list(edges)
    waiting = {node: {target for target in targets if target in place} for node, targets in edges.items()}
    readers: dict[str, list[str]] = {node: [] for node in edges}
    for node, targets in waiting.items():
        for target in targets:
            readers[target].append(node)
    open_count = {node: len(targets) for node, targets in waiting.items()}
    ready = [place[node] for node, count in open_count.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        order.append(node)
        for reader in readers[node]:
            open_count[reader] -= 1
            if open_count[reader] == 0:
                heapq.heappush(ready, place[reader])
    return order


def find_cycles(edges: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """
    Return one circle of each knot of circles.

    A circle begins with its first node in the order of *edges*, every node once; each node refers to the
    next one, the last to the first.
    """
    on_knots = [knot for knot in _components(edges) if len(knot) > 1 or knot[0] in edges[knot[0]]]
    place = {node: index for index, node in enumerate(edges)}
    cycles = [_shortest_cycle(min(knot, key=place.__getitem__), set(knot), edges) for knot in on_knots]
    return sorted(cycles, key=lambda cycle: place[cycle[0]])


def _shortest_cycle(start: str, knot: set[str], edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    came_from: dict[str, str] = {}
    frontier = [start]
    while frontier:
        following: list[str] = []
        for node in frontier:
            for target in edges[node]:
                if target == start:
                    return _walk_back(node, start, came_from)
                if target in knot and target not in came_from:
                    came_from[target] = node
                    following.append(target)
        frontier = following
    raise ValueError(f"{start} is on no circle")


def _walk_back(node: str, start: str, came_from: Mapping[str, str]) -> tuple[str, ...]:
    path = [node]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))


def _components(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the strongly connected components (Tarjan's algorithm, with a stack of its own)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    components: list[list[str]] = []
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            target = next((target for target in targets if target in edges), None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    components.append(_pop_component(node, stack, on_stack))
            elif target not in index:
                index[target] = low[target] = len(index)
                stack.append(target)
                on_stack.add(target)
                work.append((target, iter(edges[target])))
            elif target in on_stack:
                low[node] = min(low[node], index[target])
    return components


def _pop_component(root: str, stack: list[str], on_stack: set[str]) -> list[str]:
    component: list[str] = []
    while not component or component[-1] != root:
        component.append(stack.pop())
        on_stack.discard(component[-1])
    return component
