"""
The strategies that are installed: provider -> `CloudStrategy`.

A strategy registers by an entry point of the group `mcop.clouds`, those of MCOP itself in its own pyproject.toml; what
it names is called with the configuration and the credentials, and asks nothing before it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.strategy import Capability, CloudStrategy
from mcop_core.entry_points import broken, find_registered, make, registered

GROUP = "mcop.clouds"
_WHAT = "cloud provider"


def providers(points: Iterable[EntryPoint] | None = None) -> tuple[str, ...]:
    """Return the names of the providers that are registered, sorted; nothing is imported."""
    return tuple(registered(GROUP, _WHAT, points))


def load_strategy(
    config: CloudConfig, credentials: Mapping[str, str], points: Iterable[EntryPoint] | None = None
) -> CloudStrategy:
    """
    Return the strategy of the provider that *config* names.

    Args:
        points: As in `entry_points.registered`.

    Raises:
        BrokenPackage: It cannot be imported or made, lacks a call of `CloudStrategy`, or has a capability of its own.
        Conflict, UnknownName: As `registered` and `find_registered`.
    """
    point = find_registered(config.provider, registered(GROUP, _WHAT, points), _WHAT)
    strategy: CloudStrategy = make(point, _WHAT, config, credentials)
    lacking = [call for call in _calls() if not callable(getattr(strategy, call, None))]
    if lacking:
        raise broken(point, _WHAT, f"lacks {', '.join(lacking)} of mcop_core.clouds.strategy.CloudStrategy")
    own = [str(one) for one in getattr(strategy, "capabilities", ("none",)) if one not in set(Capability)]
    if own:
        raise broken(point, _WHAT, f"has capabilities that are none of MCOP's: {', '.join(own)}")
    return strategy


def _calls() -> tuple[str, ...]:
    return tuple(name for name, one in vars(CloudStrategy).items() if callable(one) and not name.startswith("_"))
