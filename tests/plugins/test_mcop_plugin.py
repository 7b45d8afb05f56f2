import importlib.util
from pathlib import Path

PLUGINS = Path(__file__).parents[2] / "plugins"


def load_plugin():
    """Return the plugin's class, loaded from its file as Airflow does."""
    spec = importlib.util.spec_from_file_location("mcop_plugin", PLUGINS / "mcop_plugin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.McopPlugin


def test_the_plugin_registers_its_api_and_the_log_of_refusals():
    """Airflow lists MCOP, mounts its API and one middleware, one listener, and loads no operator or link for it."""
    plugin = load_plugin()

    assert plugin.name == "mcop"
    assert [entry["url_prefix"] for entry in plugin.fastapi_apps] == ["/mcop/api/v1"]
    assert [entry["name"] for entry in plugin.fastapi_root_middlewares] == ["MCOP: refused actions"]
    assert [type(one).__name__ for one in plugin.listeners] == ["PoolMaker"]
    assert not plugin.operator_extra_links


def test_airflow_does_not_import_the_package_twice():
    """The package lies beside the plugin file and is kept out of Airflow's search for plugins."""
    assert "mcop_airflow/" in (PLUGINS / ".airflowignore").read_text().splitlines()
