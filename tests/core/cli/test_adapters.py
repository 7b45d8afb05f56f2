"""`mcop adapters check`, on documents that nobody published."""

import json
from pathlib import Path

import pytest

from mcop_core.catalog.view import CatalogView
from mcop_core.catalog.yaml_files import read_folder
from mcop_core.compiler.checks import check_object
from mcop_core.engines.terraform.forbidden import find_foreign_providers
from mcop_core.engines.terraform.provider_block import ProviderName, configure_provider, split_source

STARTERS = Path(__file__).parents[3] / "include" / "adapters"
ADDRESS = ("team", "app", "w", "p", "e")


@pytest.fixture
def written(tmp_path):
    fields = "provider: local\nprimitive_type: terraform\nversion: 1.0.0\n"
    (tmp_path / "a.yaml").write_text(f"kind: adapter\nname: here\nengine: terraform\n{fields}")
    (tmp_path / "b.yaml").write_text(f"kind: adapter\nname: nowhere\nengine: terrafrom\n{fields}")
    return tmp_path


@pytest.mark.terraform
def test_what_is_missing_has_an_exit_code(mcop, written):
    """An engine that nobody installed is told with those that are."""
    code, told, _ = mcop("adapters", "check", "here", "--catalog", str(written))
    assert code == 0 and "here@1.0.0 serves local/terraform" in told

    code, told, _ = mcop("adapters", "check", "--catalog", str(written), "--json")
    found = {item["adapter"]: item["needs"] for item in json.loads(told)}
    (missing,) = found["adapter#nowhere@1.0.0"]
    assert (code, missing["found"]) == (3, False) and "terraform" in missing["detail"]
    assert [need["found"] for need in found["adapter#here@1.0.0"]] == [True, True]


def test_a_name_that_is_none_has_the_nearest(mcop, written):
    """As everywhere."""
    code, _, told = mcop("adapters", "check", "her", "--catalog", str(written))
    assert code == 3 and 'Did you mean "here"?' in told


def test_the_adapters_to_begin_with_can_be_published():
    """Nine clouds: each document is whole, its configuration can be written, its provider can be allowed."""
    sources = read_folder(STARTERS)
    adapters = [source.object for source in sources]

    assert [fault for source in sources for fault in source.faults] == []
    served = {"aws", "azure", "gcp", "digitalocean", "kubernetes", "helm", "vsphere", "oracle", "ibm"}
    assert {item.provider for item in adapters} == served
    for item in adapters:
        name = ProviderName("own", split_source(item.settings.source))
        assert check_object(item, CatalogView(adapters)) == []
        assert configure_provider(name, item.settings.configuration, ADDRESS, set())[1] == []
        owner = item.settings.source.lower().split("/")[0]
        assert not list(find_foreign_providers([item.settings.source], f"{owner}/*"))
