"""Terraform, as far as it can be used without the providers of the clouds."""

import os
import shutil
import subprocess

import pytest

from mcop_core.engines.terraform.providers import cli_config, find_mirror


@pytest.fixture(scope="session")
def terraform(tmp_path_factory):
    """Return what runs Terraform in a folder, with providers from the mirror if there is one."""
    binary = shutil.which(os.environ.get("MCOP_TERRAFORM", "terraform"))
    if binary is None:
        pytest.skip("there is no terraform on PATH, and MCOP_TERRAFORM names none")
    home = tmp_path_factory.mktemp("terraform-home")
    config = home / "terraform.tfrc"
    config.write_text(cli_config(find_mirror(os.environ.get("MCOP_TERRAFORM_PLUGIN_MIRROR", ""), os.environ)))
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    environment = kept | {"HOME": str(home), "TF_CLI_CONFIG_FILE": str(config), "CHECKPOINT_DISABLE": "1"}

    def run(folder, *arguments):
        return subprocess.run(
            [binary, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return run
