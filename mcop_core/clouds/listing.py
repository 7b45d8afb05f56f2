"""What a cloud lists, to its last page, whether it lists by region or all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from mcop_core.clouds.models import ClusterRef, Instance
from mcop_core.clouds.patience import Pace, ask
from mcop_core.clouds.strategy import Capability, CloudStrategy, Page, Tag
from mcop_core.errors import CloudFailed, NotInCloud, closest

Item = TypeVar("Item", Instance, ClusterRef)


def region_names(strategy: CloudStrategy, pace: Pace, wanted: Iterable[str] = ()) -> tuple[str, ...]:
    """
    Return the regions that are looked at: *wanted*, else those of the configuration, else all that are available.

    Raises:
        NotInCloud: The cloud has none of a name; names the nearest.
    """
    asked_for = tuple(dict.fromkeys(wanted)) or strategy.config.regions
    known = {one.name: one for one in ask(strategy, pace, "list the regions", strategy.regions)}
    for name in asked_for:
        if name not in known:
            near = closest(name, known)
            hint = f'Did you mean "{near}"?' if near else f"It has: {', '.join(known)}."
            raise NotInCloud(f"cloud {strategy.config.name} has no region {name!r}. {hint}", suggestion=near)
    return asked_for or tuple(name for name, one in known.items() if one.is_available)


def list_scopes(strategy: CloudStrategy, regions: Iterable[str]) -> tuple[str | None, ...]:
    """Return what is to be listed so that *regions* are: each of them, or None, which is all at once."""
    return tuple(regions) if Capability.REGIONAL_LISTS in strategy.capabilities else (None,)


def instances(
    strategy: CloudStrategy, pace: Pace, scope: str | None, regions: Iterable[str], only: Tag | None = None
) -> Iterator[Instance]:
    """Yield the instances of *scope* that lie in *regions*, page by page; gone ones and other tags left out."""
    wanted = frozenset(regions)
    what = f"list the instances of {scope or 'all regions'}"
    for one in _paged(strategy, pace, what, lambda cursor: strategy.instance_page(scope, cursor, only)):
        if one.region in wanted and not one.is_gone and (only is None or one.tags.get(only.key) == only.value):
            yield one


def clusters(strategy: CloudStrategy, pace: Pace, scope: str | None, regions: Iterable[str]) -> Iterator[ClusterRef]:
    """Yield the clusters of *scope* that lie in *regions*, page by page."""
    wanted = frozenset(regions)
    what = f"list the clusters of {scope or 'all regions'}"
    for one in _paged(strategy, pace, what, lambda cursor: strategy.cluster_page(scope, cursor)):
        if one.region in wanted:
            yield one


def _paged(
    strategy: CloudStrategy, pace: Pace, what: str, page_at: Callable[[str | None], Page[Item]]
) -> Iterator[Item]:
    cursor: str | None = None
    while True:
        at = cursor
        page = ask(strategy, pace, what, lambda: page_at(at))  # noqa: B023 (asked before the loop goes on)
        yield from page.items
        if page.cursor is None:
            return
        if page.cursor == cursor:
            raise CloudFailed(f"cloud {strategy.config.name}: {what}: a page leads to itself", code="unreadable")
        cursor = page.cursor
