"""The scale model: each constant with a source, the page that shows them, and a simulation that can be wrong."""

from pathlib import Path

import pytest

from bench import scale_model as model
from bench.scale_model import Account, Estate, Installation, roll_out

PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text()
SMALL = Estate(components=280, accounts=4)
ROOMY = Installation(schedulers=50, parallelism=1000, pool=50_000, cores=50_000)


def test_the_page_shows_what_the_model_says():
    """Every constant with its source, and every line of the result, as the seed gives it."""
    assert "\n".join(model.table()) in PAGE
    assert "\n".join(model.lines()) in PAGE


@pytest.mark.parametrize("name", model.CONSTANTS)
def test_a_constant_has_a_source(name):
    """It was measured, published, assumed, or is a setting of Airflow's or of MCOP's; it is positive."""
    one = model.CONSTANTS[name]

    assert one.value > 0
    assert one.source.startswith(("measured: ", "published: ", "assumed: ", "Airflow's default: ", "MCOP: "))


def test_the_same_seed_gives_the_same():
    """A figure of the page can be had again."""
    first, again = (roll_out(SMALL, ROOMY, changed=0.5, seed=3) for _ in range(2))

    assert first == again != roll_out(SMALL, ROOMY, changed=0.5, seed=4)


def test_nothing_is_faster_than_its_longest_chain():
    """With room for everything a manifest takes what its stages take, one after the other."""
    estate = Estate(components=280, accounts=20)  # one manifest in each: nobody waits for an account's API
    found = roll_out(estate, ROOMY, changed=0.0, seed=1)
    chain_s = estate.depth * (2 * model.value("task_s") + model.value("apply_cpu_s")) + 2 * model.value("task_s")

    assert found.median_min * 60 >= chain_s
    assert found.median_min * 60 == pytest.approx(chain_s, rel=0.2)


def test_what_is_scarce_is_what_is_busy():
    """One scheduler, few slots or few cores: each shows as the one that holds everything up."""
    tight = {
        "scheduler": Installation(schedulers=1, parallelism=5000, pool=5000, cores=50_000),
        "slots": Installation(schedulers=50, parallelism=1, pool=4, cores=50_000),
        "cores": Installation(schedulers=50, parallelism=1000, pool=500, cores=2),
    }
    busiest = {
        name: max(found.busy, key=found.busy.__getitem__)
        for name, installation in tight.items()
        if (found := roll_out(SMALL, installation, changed=0.1, seed=1))
    }

    assert busiest["scheduler"] == "scheduler" and busiest["cores"] in ("cores", "slots")
    assert busiest["slots"] == "slots"


def test_an_account_lets_a_burst_through_and_then_its_rate():
    """As a bucket of tokens does; what is not used does not add up for ever."""
    account = Account()
    burst, rate = model.value("api_burst"), model.value("api_per_s")

    assert account.take(1000.0, burst) == 1000.0
    assert account.take(1000.0, rate) == 1001.0
    assert account.take(5000.0, burst + 2 * rate) == 5002.0
