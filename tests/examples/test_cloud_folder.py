"""The example cloud, installed, keeps the contract of every strategy."""

import json
from pathlib import Path

import pytest

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.registry import load_strategy, providers
from mcop_core.errors import InvalidDocuments, QuotaExceeded
from tests.clouds.clock import hasty_pace
from tests.contracts.cloud_strategy import CloudStrategyContract, Does, Scene
from tests.examples.installing import found, install

PACKAGE = Path(__file__).parents[2] / "docs" / "examples" / "mcop-cloud-folder"


def folder_config(folder: Path, **options) -> CloudConfig:
    for region in ("north", "south"):
        (folder / region).mkdir(exist_ok=True)
    given = {"folder": str(folder), "page_size": 3, **options}
    return CloudConfig(name="shelf", provider="folder", region="north", size="small", image="linux", options=given)


def folder_scene(folder: Path) -> Scene:
    """An empty folder; nothing of it can be made to fail but by its own limits."""
    strategy = load_strategy(folder_config(folder), {})
    counted = iter(range(1, 1000))

    def put(name: str, region: str, tags) -> str:
        number = f"f{next(counted):015}"
        fields = {"name": name, "state": "up", "size": "small", "image": "linux", "tags": dict(tags)}
        text = json.dumps({**fields, "address": "10.1.0.1", "created": "2026-01-01T00:00:00+00:00"})
        (folder / region / f"{number}.json").write_text(text)
        return number

    return Scene(
        strategy,
        "north",
        "south",
        hasty_pace(appears_s=0.1),
        put,
        lambda: {one.stem for one in folder.glob("*/*.json")},
        can=frozenset({Does.UNKNOWN_SIZE}),
        page_size=3,
    )


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    with found(install(PACKAGE, tmp_path_factory.mktemp("installed"))) as folder:
        yield folder


class TestContract(CloudStrategyContract):
    @pytest.fixture
    def scene(self, tmp_path) -> Scene:
        return folder_scene(tmp_path)


def test_it_is_among_the_providers():
    """By its entry point alone."""
    assert "folder" in providers()


def test_its_own_limit_is_a_quota(tmp_path):
    """Which the rules of a worker's life go by."""
    scene = Scene(load_strategy(folder_config(tmp_path, most=0), {}), "north", "south", hasty_pace(), None, None)

    with pytest.raises(QuotaExceeded):
        scene.strategy.create_instance(scene.order())


def test_its_options_are_checked(tmp_path):
    """As those of every cloud."""
    with pytest.raises(InvalidDocuments, match='Did you mean "folder"'):
        load_strategy(folder_config(tmp_path, foldre="x"), {})
