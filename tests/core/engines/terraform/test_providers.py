"""Mirrors, environments, locks."""

import os
import shutil
from pathlib import Path

import pytest

from mcop_core.catalog.models import ProviderRequirement
from mcop_core.engines.terraform.providers import (
    cli_config,
    find_mirror,
    lock_providers,
    read_lock_file,
    terraform_environment,
)
from mcop_core.errors import EngineFailed, InvalidInput
from tests.opentofu import registry


@pytest.fixture
def make_mirror(tmp_path):
    """Make a folder a mirror of providers, at a path below the test's root."""

    def make(path, *providers):
        folder = tmp_path / path
        for provider in providers or ("registry.terraform.io/hashicorp/aws",):
            (folder / provider).mkdir(parents=True)
        return folder

    return make


PLACES = [
    "home/.terraform.d/plugins",
    "home/.local/share/terraform/plugins",
    "usr/local/share/terraform/plugins",
    "usr/share/terraform/plugins",
    "home/Library/Application Support/io.terraform/plugins",
    "Library/Application Support/io.terraform/plugins",
    "opt/any-name",
]


class TestFindMirror:
    @pytest.mark.parametrize("place", PLACES)
    def test_implied_places_are_searched(self, tmp_path, make_mirror, place):
        """Where Terraform looks by itself, and below /opt."""
        folder = make_mirror(place)

        assert find_mirror("", {"HOME": str(tmp_path / "home")}, root=tmp_path) == folder

    def test_the_first_place_wins(self, tmp_path, make_mirror):
        """Of several mirrors that of the person comes before that of the machine."""
        folders = [make_mirror(place) for place in reversed(PLACES)]

        assert find_mirror("", {"HOME": str(tmp_path / "home")}, root=tmp_path) == folders[-1]

    def test_xdg_variables_move_the_places(self, tmp_path, make_mirror):
        """As in Terraform."""
        private, shared = make_mirror("data/terraform/plugins"), make_mirror("b/terraform/plugins")

        assert find_mirror("", {"XDG_DATA_HOME": str(tmp_path / "data")}, root=tmp_path) == private
        assert find_mirror("", {"XDG_DATA_DIRS": "/a:relative:/b"}, root=tmp_path) == shared

    def test_a_folder_without_a_registry_is_none(self, tmp_path):
        """Other add-on software is no mirror; then there is none."""
        (tmp_path / "opt/other/bin").mkdir(parents=True)
        (tmp_path / "opt/file").touch()

        assert find_mirror("", {}, root=tmp_path) is None

    def test_the_setting_comes_first(self, tmp_path, make_mirror):
        """What the operator says is used, for either registry's address."""
        make_mirror("opt/one")
        folder = make_mirror("mine", "registry.opentofu.org/hashicorp/aws")

        assert find_mirror(str(folder), {}, root=tmp_path) == folder

    def test_the_process_says_where_home_is(self, tmp_path, make_mirror, monkeypatch):
        """Without another environment the process's own is read."""
        folder = make_mirror("home/.terraform.d/plugins")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))

        assert find_mirror("", root=tmp_path) == folder

    def test_a_wrong_setting_is_an_error(self, tmp_path):
        """A mirror that is none is not silently replaced by the registry."""
        with pytest.raises(InvalidInput, match="MCOP_TERRAFORM_PLUGIN_MIRROR"):
            find_mirror(str(tmp_path), {}, root=tmp_path)


class TestCliConfig:
    def test_the_mirror_serves_what_it_holds(self, make_mirror):
        """And the registry the rest."""
        folder = make_mirror('a "b"', "registry.terraform.io/hashicorp/aws", "example.org/acme/cloud")
        text = cli_config(folder)
        held = '["example.org/acme/cloud", "registry.terraform.io/hashicorp/aws"]'

        assert f"include = {held}" in text
        assert f"exclude = {held}" in text
        assert 'a \\"b\\""' in text

    def test_without_a_mirror_the_registry_serves_all(self):
        """No file system is named."""
        assert "direct {}" in cli_config(None)
        assert "filesystem_mirror" not in cli_config(None)


class TestEnvironment:
    def test_only_what_is_needed_passes(self):
        """Another namespace's secret, an injected argument and Airflow's own settings stay outside."""
        base = {
            "PATH": "/bin",
            "HOME": "/root",
            "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "x",
            "ARM_CLIENT_ID": "y",
            "HTTPS_PROXY": "http://p",
            "no_proxy": "localhost",
            "SSL_CERT_FILE": "/c",
            "TF_CLI_ARGS_plan": "-var x=y",
            "TF_VAR_x": "1",
            "TF_LOG": "trace",
            "TF_INPUT": "1",
            "AIRFLOW__CORE__FERNET_KEY": "k",
            "MCOP_AIRFLOW_PASSWORD": "p",
            "LD_PRELOAD": "/evil.so",
        }
        found = terraform_environment(base, cli_config_file=Path("/run/x.tfrc"))
        left_out = {name for name in base if name.startswith(("TF_", "AIRFLOW", "MCOP", "LD_"))}

        assert found == {
            **{name: value for name, value in base.items() if name not in left_out},
            "TF_CLI_CONFIG_FILE": "/run/x.tfrc",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "GOGC": "200",
        }

    def test_an_adapter_has_its_own_variables_passed_on(self):
        """By name, or all of a prefix; nothing that only looks like it."""
        base = {"OCI_REGION": "r", "OCID": "no", "IC_API_KEY": "k", "IC_API_KEYS": "no", "VAULT_TOKEN": "no"}
        found = terraform_environment(base, own=("OCI_*", "IC_API_KEY"))

        assert base.keys() & found.keys() == {"OCI_REGION", "IC_API_KEY"}

    def test_how_go_uses_memory_is_the_operators(self):
        """A worker with little memory says so, and is obeyed."""
        base = {"GOGC": "50", "GOMEMLIMIT": "300MiB"}

        assert base.items() <= terraform_environment(base).items()

    @pytest.mark.parametrize(("endpoint", "kept"), [("http://127.0.0.1:1", False), ("https://x", True), (None, True)])
    def test_a_certificate_bundle_is_for_https(self, endpoint, kept):
        """The AWS provider refuses a bundle it cannot use with a plain endpoint."""
        base = {"AWS_CA_BUNDLE": "/ca.pem"} | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})

        assert ("AWS_CA_BUNDLE" in terraform_environment(base)) == kept


LOCK_FILE = """
# This file is maintained automatically by "terraform init".

provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = "~> 5.0, 5.100.0"
  hashes = [
    "zh:bbb",
    "h1:aaa=",
  ]
}

provider "registry.opentofu.org/hashicorp/random" {
  version = "3.6.1"
  hashes = [
    "h1:ccc=",
  ]
}
"""


def test_a_lock_file_is_read():
    """Address, version and checksums; not constraints, which are the modules' own."""
    assert read_lock_file(LOCK_FILE) == {
        "registry.terraform.io/hashicorp/aws": ("5.100.0", ("h1:aaa=", "zh:bbb")),
        "registry.opentofu.org/hashicorp/random": ("3.6.1", ("h1:ccc=",)),
    }
    assert read_lock_file("") == {}


def test_nothing_to_lock_starts_no_process():
    """Built-in providers need none."""
    built_in = {"terraform": ProviderRequirement(source="terraform.io/builtin/terraform")}

    assert lock_providers(built_in, binary="/no/such/binary", mirror=None, environment={}) == {}


@pytest.mark.terraform
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no Terraform on PATH")
def test_a_version_nobody_has_cannot_be_locked(tmp_path):
    """The error says which provider and carries Terraform's own words."""
    mirror = tmp_path / "mirror"
    package = mirror / registry() / "acme/cloud/1.0.0/linux_amd64"
    package.mkdir(parents=True)
    wanted = {"cloud": ProviderRequirement(source="acme/cloud", version=">= 2.0")}
    with pytest.raises(EngineFailed, match=r"acme/cloud >= 2\.0 cannot be locked") as caught:
        lock_providers(wanted, binary="terraform", mirror=mirror, environment=os.environ)

    assert "acme/cloud" in caught.value.diagnostics[0]["detail"]


@pytest.mark.terraform
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no Terraform on PATH")
def test_the_newest_allowed_version_is_locked(tmp_path):
    """From a mirror, with the checksum of its package."""
    mirror = tmp_path / "mirror"
    for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0"):
        for platform in ("linux_amd64", "linux_arm64", "darwin_arm64", "darwin_amd64"):
            package = mirror / registry() / "acme/cloud" / version / platform
            package.mkdir(parents=True)
            (package / f"terraform-provider-cloud_v{version}").write_text(version)
    wanted = {"cloud": ProviderRequirement(source="acme/cloud", version="~> 1.0")}
    (lock,) = lock_providers(wanted, binary="terraform", mirror=mirror, environment=os.environ).items()

    assert lock[0] == f"{registry()}/acme/cloud"
    assert lock[1].version == "1.10.0"
    assert [text[:3] for text in lock[1].hashes] == ["h1:"]


def test_a_missing_binary_is_said():
    """The error names the setting."""
    wanted = {"aws": ProviderRequirement(source="hashicorp/aws")}
    with pytest.raises(EngineFailed, match="MCOP_TERRAFORM"):
        lock_providers(wanted, binary="/no/such/binary", mirror=None, environment={})
