import importlib.util
from pathlib import Path

PLUGINS = Path(__file__).parents[2] / "plugins"


def test_the_plugin_registers_its_name_and_nothing_else():
    """Airflow lists MCOP, and loads no operator, link or app for it that is not there yet."""
    spec = importlib.util.spec_from_file_location("mcop_plugin", PLUGINS / "mcop_plugin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.McopPlugin.name == "mcop"


def test_airflow_does_not_import_the_package_twice():
    """The package lies beside the plugin file and is kept out of Airflow's search for plugins."""
    assert "mcop_airflow/" in (PLUGINS / ".airflowignore").read_text().splitlines()
