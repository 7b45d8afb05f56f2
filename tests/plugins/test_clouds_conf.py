"""What the forms of `mcop_workers` and `mcop_inventory` offer, and which confs are refused before anything is asked."""

import pytest
from airflow.sdk.exceptions import ParamValidationError

from mcop_airflow.clouds_conf import (
    ACTIONS,
    check_inventory_conf,
    check_workers_conf,
    inventory_params,
    workers_params,
)
from mcop_core.errors import InvalidDocuments


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MCOP_CLOUDS", str(tmp_path))
    return tmp_path


def configure(folder, *names):
    for name in names:
        (folder / f"{name}.yaml").write_text(f"name: {name}\nprovider: memory\nregion: north\n")


def test_the_configured_clouds_are_offered(folder):
    """Another one is refused by Airflow itself; of an inventory several may be chosen."""
    configure(folder, "ocean", "amazon")
    cloud, chosen = workers_params()["cloud"], inventory_params()["clouds"]

    assert ["amazon", "ocean"] == cloud.schema["enum"] == chosen.schema["examples"] == chosen.schema["items"]["enum"]
    with pytest.raises(ParamValidationError, match="No value passed"):
        cloud.resolve()
    with pytest.raises(ParamValidationError, match="'oecan' is not one of"):
        cloud.resolve("oecan")
    assert chosen.resolve() is None
    assert ["ocean"] == chosen.resolve(["ocean"])


def test_the_only_cloud_need_not_be_chosen(folder):
    """As on the command line."""
    configure(folder, "ocean")

    assert "ocean" == workers_params()["cloud"].resolve()


@pytest.mark.parametrize("text", [None, "name: [", "name: ocean\nprovider: digitaloecan\nregion: nyc3\n"])
def test_a_dag_is_there_whatever_the_folder_holds(folder, text):
    """Nothing is offered then, and the task says what is wrong."""
    if text is None:
        folder.rmdir()
    else:
        (folder / "ocean.yaml").write_text(text)

    assert "enum" not in workers_params()["cloud"].schema
    assert "ocean" == workers_params()["cloud"].resolve("ocean")
    assert ["ocean"] == inventory_params()["clouds"].resolve(["ocean"])


GOOD = {
    "list": {},
    "create": {"names": ["web"], "count": 1, "places": ["nyc3"]},
    "delete": {"names": ["web"], "count": None},
    "delete-all": {"count": 0, "names": [], "places": None},
}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_has_what_it_needs(action):
    """As the form gives it, which says nothing by null or an empty list; nothing at all is a list."""
    check_workers_conf({"action": action, "cloud": "ocean", **GOOD[action]})
    check_workers_conf({"cloud": "ocean"})
    check_inventory_conf({"clouds": ["ocean"]})
    check_inventory_conf(None)


BAD = {
    "create without names": ({"action": "create"}, "conf, names: create needs it."),
    "delete without names": ({"action": "delete", "names": []}, "conf, names: delete needs it."),
    "delete all without a number": ({"action": "delete-all"}, "conf, count: delete-all needs it."),
    "delete all of a name": (
        {"action": "delete-all", "count": 2, "names": ["web"]},
        "conf, names: delete-all does not heed it: leave it empty.",
    ),
    "delete a number": ({"action": "delete", "names": ["web"], "count": 2}, "conf, count: delete does not heed it"),
    "create nothing": ({"action": "create", "names": ["web"], "count": 0}, "conf, count: 0 workers are none"),
    "list at a place": ({"places": ["nyc3"]}, "conf, places: list does not heed it"),
    "an unknown key": ({"action": "create", "names": ["web"], "plcaes": ["a"]}, 'Did you mean "places"?'),
}


@pytest.mark.parametrize(("conf", "says"), BAD.values(), ids=BAD)
def test_what_an_action_would_not_heed_is_refused(conf, says):
    """Whoever names workers and says delete-all does not mean all."""
    with pytest.raises(InvalidDocuments) as caught:
        check_workers_conf({"cloud": "ocean", **conf})

    assert says in str(caught.value)


def test_an_inventory_of_something_else_is_refused():
    """It would be one of everything."""
    with pytest.raises(InvalidDocuments) as caught:
        check_inventory_conf({"cloud": "ocean"})

    assert 'conf, cloud: is no key of this conf. Allowed: clouds. Did you mean "clouds"?' == str(caught.value)
