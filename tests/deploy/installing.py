"""The modules of MCOP's own installation, applied by Terraform itself to an emulator."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcop_core.engines.terraform.providers import cli_config, find_mirror, terraform_environment
from tests.emulators import Emulator

DEPLOY = Path(__file__).parents[2] / "include" / "deploy"
MODULES = DEPLOY / "terraform"
ACCOUNTS = ["111111111111"]
NAMES = {"subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]}
GIVEN: dict[str, Any] = {
    **NAMES,
    "is_protected": False,
    "has_lock_table": True,
    "publishers": ["arn:aws:iam::000000000000:root"],
    "account_ids": ACCOUNTS,
    "secret_arns": ["arn:aws:secretsmanager:us-east-1:000000000000:secret:shop/*"],
    "parameter_arns": ["arn:aws:ssm:us-east-1:000000000000:parameter/shop/*"],
    "tags": {"team": "platform"},
}
"""Inputs of the module `aws` with which it makes all that it can make."""


@dataclass
class Installation:
    """
    Both modules as one root in *folder*, applied to *emulator*; None: to nothing, for what needs no cloud.

    The installation's own account is the one account that is deployed to.
    """

    folder: Path
    emulator: Emulator | None
    given: dict[str, Any]

    def write(self) -> None:
        """Write the root; modules by relative path: of an absolute one Terraform copies the folder alone."""
        modules = os.path.relpath(MODULES, self.folder)
        calls = {
            "mcop": {"source": f"{modules}/aws", **self.given},
            "account": {
                "source": f"{modules}/aws-account",
                "worker_role_arn": '${module.mcop.role_arns["worker"]}',
                "policy_arns": ["arn:aws:iam::aws:policy/AmazonSNSFullAccess"],
                "external_id": "shop",
            },
        }
        outputs = {name: {"value": f"${{module.{name}}}"} for name in calls}
        provider = {"aws": {"region": "us-east-1", "skip_metadata_api_check": "true", "s3_use_path_style": True}}
        root = {"module": calls, "output": outputs, "provider": provider}
        (self.folder / "main.tf.json").write_text(json.dumps(root))

    def terraform(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        config = self.folder / "terraform.rc"
        config.write_text(cli_config(find_mirror("")))
        cloud = self.emulator.environment if self.emulator else {}
        base = {"PATH": str(Path(shutil.which("terraform") or "terraform").parent), "HOME": str(self.folder), **cloud}
        return subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=terraform_environment(base, cli_config_file=config),
            capture_output=True,
            text=True,
        )

    def do(self, *arguments: str) -> str:
        """Run Terraform; its output is in the error when it fails."""
        done = self.terraform(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def outputs(self) -> dict[str, Any]:
        """Return module -> its outputs."""
        return {name: one["value"] for name, one in json.loads(self.do("output", "-json")).items()}
