"""
OpenTofu in the tests: where it is found, and how whole suites run with it in Terraform's place.

    TEST_OPENTOFU=/path/to/tofu pytest                    the tests that need both programs run, too
    TEST_OPENTOFU=/path/to/tofu pytest --opentofu PATHS   whatever starts `terraform` starts OpenTofu
"""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mcop_core.engines.terraform.providers import find_mirror

VARIABLE = "TEST_OPENTOFU"
"""Not `MCOP_…`, which are settings, of which none may be unknown."""
TERRAFORMS, OPENTOFUS = "registry.terraform.io", "registry.opentofu.org"


def find_tofu(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The OpenTofu that `TEST_OPENTOFU` names, else that on PATH; None if there is none."""
    found = shutil.which(environment.get(VARIABLE) or "tofu", path=environment.get("PATH"))
    return Path(found).absolute() if found else None


needs_tofu = pytest.mark.skipif(find_tofu() is None, reason=f"{VARIABLE} names no OpenTofu, and none is on PATH")


def stands_for_terraform() -> bool:
    """Whether `terraform` is OpenTofu in this process."""
    found = shutil.which("terraform")
    tofu = find_tofu()
    return bool(found and tofu and Path(found).samefile(tofu))


def writes_every_change(test: Callable[..., None]) -> pytest.MarkDecorator | Callable[..., None]:
    """Mark a *test* of what a tool leaves that is killed; asked late, when it is known what `terraform` is."""
    why = "OpenTofu writes a local state every 20 s at most: docs/guides/opentofu.md"
    return pytest.mark.skipif(stands_for_terraform(), reason=why)(test)


def registry() -> str:
    """The registry of the program that is called `terraform` here."""
    return OPENTOFUS if stands_for_terraform() else TERRAFORMS


def stand_for_terraform(folder: Path) -> None:
    """Have this process, and what it starts, find OpenTofu as `terraform`, and its providers where Terraform's are."""
    tofu = find_tofu()
    if tofu is None:
        raise pytest.UsageError(f"--opentofu needs OpenTofu: {VARIABLE} names none, and none is on PATH")
    (folder / "bin").mkdir()
    (folder / "bin" / "terraform").symlink_to(tofu)
    os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    mirror = find_mirror(os.environ.get("MCOP_TERRAFORM_PLUGIN_MIRROR", ""))
    if mirror is not None:
        both = folder / "share" / "terraform" / "plugins"
        mirror_for_both(mirror, both)
        os.environ["XDG_DATA_HOME"] = str(folder / "share")
        if "MCOP_TERRAFORM_PLUGIN_MIRROR" in os.environ:
            os.environ["MCOP_TERRAFORM_PLUGIN_MIRROR"] = str(both)


def mirror_for_both(mirror: Path, folder: Path) -> None:
    """Make *folder* a mirror in which both registries hold what *mirror* holds of Terraform's; packages are linked."""
    for package in sorted(mirror.glob("*.*/*/*/*/*")):
        host, *rest = package.relative_to(mirror).parts
        for name in {host, OPENTOFUS} if host == TERRAFORMS else {host}:
            link = folder.joinpath(name, *rest)
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(package.resolve())
