"""The contract's scene in a real account: only workers of an owner of its own are made and deleted."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.models import InstanceState
from mcop_core.clouds.patience import Pace
from mcop_core.clouds.strategy import CloudStrategy
from tests.contracts.cloud_strategy import CloudStrategyContract, Scene

OWNER = "mcop-contract"
OpenStrategy = Callable[[CloudConfig, Mapping[str, str]], CloudStrategy]


def real_contract(provider: str, strategy_of: OpenStrategy) -> type[CloudStrategyContract] | None:
    """
    Return the contract as it holds for a real account, if `MCOP_TEST_<PROVIDER>` says for which; else None.

    It is a JSON object: `config`, as a file of a cloud has it, and `credentials`; the first two of the `regions` of the
    configuration are used. The owner is one of its own, and what carries it is all that is deleted.
    """
    said = os.environ.get(f"MCOP_TEST_{provider.upper()}")
    if said is None:
        return None

    class RealContract(CloudStrategyContract):
        @pytest.fixture
        def scene(self) -> Iterator[Scene]:
            yield from real_scene(provider, strategy_of, json.loads(said))

    return RealContract


def real_scene(provider: str, strategy_of: OpenStrategy, given: Mapping[str, Any]) -> Iterator[Scene]:
    """Yield the scene of the account that is *given*, and delete what the test has made in it."""
    config = CloudConfig(**{"name": "real", **given["config"], "provider": provider, "owner": OWNER})
    region, other = config.regions[:2]
    strategy = strategy_of(config.model_copy(update={"region": region}), given["credentials"])
    context = CloudContext(strategy, pace=Pace())

    def ids() -> set[str]:
        found = context.list_workers()
        assert found.is_whole, found.failures
        return {one.id for one in found.found if one.state is not InstanceState.DELETING}

    def put(name: str, region: str, tags: Mapping[str, str]) -> str:
        pytest.skip("nothing but workers is made in a real account")

    if ids():
        pytest.fail(f"the account has workers of {OWNER} already: delete them first")
    yield Scene(strategy, region, other, Pace(), put, ids, is_real=True)
    left = context.list_workers().found
    gone = context.delete_all_workers(len(left))
    assert gone.is_whole, gone.failures
