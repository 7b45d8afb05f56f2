"""The clouds of an installation: files, secrets, strategies; every fault at once, each with its file and line."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mcop_core.bootstrap import open_fleet
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.registry import GROUP, load_strategy, providers
from mcop_core.errors import BrokenPackage, InvalidDocuments, InvalidInput, NotFound, UnknownName
from mcop_core.fleet import Fleet, read_clouds
from mcop_core.settings import Settings

GOOD = """\
name: ocean
provider: digitalocean
credentials: secret://env/OCEAN
region: nyc3
size: s-1vcpu-1gb
image: ubuntu-24-04-x64
tags: {team: shop}
---
name: dict
provider: memory
region: north
timeout_s: 5
"""
BAD = """\
name: Ocean
provider: digitalocaen
regoin: nyc3
credentials: hunter2
tags: {Team: shop}
endpoint: somewhere
---
name: dict
provider: memory
region: north
---
name: dict
provider: memroy
region: north
---
- a list
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "clouds.yaml").write_text(GOOD)
    return tmp_path


def test_every_document_is_a_cloud(folder):
    """By name, in the order of names; files of other kinds are left alone."""
    (folder / "README.md").write_text("# no cloud")
    found = read_clouds(folder)

    assert ["dict", "ocean"] == list(found)
    assert ("nyc3", {"team": "shop"}, 30.0) == (found["ocean"].region, found["ocean"].tags, found["ocean"].timeout_s)
    assert 5.0 == found["dict"].timeout_s


def test_every_fault_is_told_at_once_with_its_line(tmp_path):
    """What was allowed, and the nearest right answer."""
    (tmp_path / "clouds.yaml").write_text(BAD)
    with pytest.raises(InvalidDocuments) as caught:
        read_clouds(tmp_path)

    told = str(caught.value)
    file = tmp_path / "clouds.yaml"
    assert f"{file}:3, cloud Ocean, regoin: there is no field 'regoin' here." in told
    assert 'Did you mean "region"?' in told
    assert f"{file}:1, cloud Ocean, name" in told
    assert f"{file}:4, cloud Ocean, credentials: it is no reference to a secret: write secret://<store>/" in told
    assert "hunter2" not in told + str(caught.value.__cause__)
    assert "the tag Team=shop must match" in told
    assert "'somewhere' is no address" in told
    assert "the field 'region' is missing" in told
    assert f"{file}:13, cloud dict, provider: there is no provider 'memroy'." in told
    assert 'Did you mean "memory"?' in told
    assert f"{file}:16: a cloud is a mapping of fields" in told


def test_two_clouds_of_one_name_are_refused(folder):
    """Wherever they stand."""
    (folder / "more.yml").write_text("name: dict\nprovider: memory\nregion: south\n")

    with pytest.raises(InvalidDocuments, match=r"cloud 'dict' stands in .*clouds\.yaml:9, too"):
        read_clouds(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    """With its setting."""
    with pytest.raises(InvalidInput, match=r"MCOP_CLOUDS is .*there is no such folder"):
        open_fleet(Settings(clouds=str(tmp_path / "none")), {})


def test_a_cloud_is_opened_once_and_by_name(folder):
    """An unknown one lists those that there are."""
    fleet = open_fleet(Settings(clouds=str(folder)), {})

    assert fleet.open("dict") is fleet.open("dict")
    with pytest.raises(UnknownName, match=r'Configured: dict, ocean\. Did you mean "ocean"'):
        fleet.open("ocaen")
    with pytest.raises(UnknownName, match="none: MCOP_CLOUDS names the folder"):
        open_fleet(Settings(), {}).open("dict")


def test_clouds_are_chosen_by_name_or_provider(folder):
    """All of them where nobody says."""
    fleet = open_fleet(Settings(clouds=str(folder)), {})

    assert [["dict", "ocean"], ["ocean"], ["dict", "ocean"]] == [
        fleet.chosen(),
        fleet.chosen(providers=["digitalocean"]),
        fleet.chosen(["dict"], ["digitalocean"]),
    ]
    with pytest.raises(UnknownName, match=r"no cloud of provider 'aws'\. Configured: digitalocean, memory"):
        fleet.chosen(providers=["aws"])


HELD = {
    "one text": ("dop_v1_x", {"password": "dop_v1_x"}),
    "an object": ('{"password": "x", "extra": {"a": 1}, "port": null}', {"password": "x", "extra": '{"a": 1}'}),
}


@pytest.mark.parametrize(("text", "credentials"), HELD.values(), ids=HELD)
def test_credentials_are_a_text_or_an_object(text, credentials):
    """A connection of Airflow's is an object; a token alone is one text."""
    config = CloudConfig(name="a", provider="memory", region="north", credentials="secret://env/A")
    fleet = Fleet({"a": config}, lambda ref: text)

    assert credentials == fleet._credentials(config)


def test_a_secret_that_is_not_there_is_told_when_the_cloud_is_asked(folder):
    """Other clouds need none of it."""
    fleet = open_fleet(Settings(clouds=str(folder)), {})

    assert "memory" == fleet.open("dict").config.provider
    with pytest.raises(NotFound, match="secret://env/OCEAN"):
        fleet.open("ocean")


class Half:
    """A strategy that can do nearly nothing."""

    def __init__(self, config, credentials):
        self.capabilities = ()

    def regions(self): ...


def test_the_providers_are_one_visible_mapping():
    """The entry points of the package."""
    assert {"aws", "digitalocean", "memory"} <= set(providers())


def test_a_package_that_lacks_calls_is_told():
    """By name, before it is asked for anything."""
    point = EntryPoint("half", f"{__name__}:Half", GROUP)
    config = CloudConfig(name="a", provider="half", region="north")
    with pytest.raises(BrokenPackage, match="lacks instance_page, get_instance, create_instance"):
        load_strategy(config, {}, [point])
