"""Where provider packages come from, what Terraform's processes may know, and which provider versions are locked."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcop_core.engines.terraform.command import hint_for, run
from mcop_core.errors import EngineFailed, InvalidInput

if TYPE_CHECKING:
    from mcop_core.catalog.models import ProviderLock, ProviderRequirement

_REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")
_BUILT_IN = "terraform.io/builtin/"
_SYSTEM_DATA = "/usr/local/share:/usr/share"

_PASSED_ON = frozenset(
    {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "USER", "LOGNAME"}
    | {"GOGC", "GOMEMLIMIT"}
    | {name for proxy in ("http_proxy", "https_proxy", "no_proxy") for name in (proxy, proxy.upper())}
)
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "hashicorp/aws": ("AWS_*",),
    "hashicorp/azurerm": ("ARM_*", "AZURE_*"),
    "hashicorp/google": ("GOOGLE_*", "CLOUDSDK_*"),
    "digitalocean/digitalocean": ("DIGITALOCEAN_*",),
}
"""Provider -> the variables by which it finds credentials, region and endpoints, which every adapter has passed on."""
_CLOUDS = tuple(name.removesuffix("*") for names in CREDENTIALS.values() for name in names)

_FIXED = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"}
_UNLESS_GIVEN = {"GOGC": "200"}
"""Collecting garbage half as often saves Terraform and the AWS provider an eighth of their time, for 110 MB."""

_LOCK_BLOCK = re.compile(r'^provider "([^"]+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_LOCK_VERSION = re.compile(r'^\s*version\s*=\s*"([^"]+)"', re.MULTILINE)
_LOCK_HASH = re.compile(r'"((?:h1|zh):[^"]+)"')


# -- mirrors -------------------------------------------------------------------------------------------


def find_mirror(setting: str, environment: Mapping[str, str] | None = None, *, root: Path = Path("/")) -> Path | None:
    """
    Return the folder of provider packages on this machine, or None: then they come from the registry.

    The first of: *setting* (MCOP_TERRAFORM_PLUGIN_MIRROR); Terraform's implied mirrors; a folder right below
    `/opt`, where add-on software lies. A mirror holds a registry's folder, `registry.terraform.io/`.

    Args:
        environment: Where HOME and the XDG variables are read, none of which is needed; the process's own if None.
        root: What `/` means.

    Raises:
        InvalidInput: *setting* names a folder that holds no registry's folder.

    Source: developer.hashicorp.com/terraform/cli/config/config-file, "Implied Local Mirror Directories".
    """
    if setting:
        if not _is_mirror(Path(setting)):
            raise InvalidInput(
                f"MCOP_TERRAFORM_PLUGIN_MIRROR is {setting!r}: there must be a folder {' or '.join(_REGISTRIES)} in it"
            )
        return Path(setting).absolute()
    return next(
        (folder for folder in _implied(os.environ if environment is None else environment, root) if _is_mirror(folder)),
        None,
    )


def _implied(environment: Mapping[str, str], root: Path) -> list[Path]:
    home = [Path(environment["HOME"])] if environment.get("HOME") else []
    data = (
        [Path(environment["XDG_DATA_HOME"])]
        if environment.get("XDG_DATA_HOME")
        else [folder / ".local/share" for folder in home]
    )
    shared = (environment.get("XDG_DATA_DIRS") or _SYSTEM_DATA).split(":")
    data += [root / folder.lstrip("/") for folder in shared if folder.startswith("/")]
    mac = [folder / "Library/Application Support/io.terraform/plugins" for folder in (*home, root)]
    add_on = root / "opt"
    return [
        *(folder / ".terraform.d/plugins" for folder in home),
        *(folder / "terraform/plugins" for folder in data),
        *mac,
        *(sorted(path for path in add_on.iterdir() if path.is_dir()) if add_on.is_dir() else ()),
    ]


def _is_mirror(folder: Path) -> bool:
    return any((folder / registry).is_dir() for registry in _REGISTRIES)


def cli_config(mirror: Path | None) -> str:
    """
    Return the text of the file that `TF_CLI_CONFIG_FILE` names.

    The mirror serves exactly the providers that it holds, and the registry all others. So a provider that is
    mirrored is never fetched, and one that is not can be.
    """
    held = _held(mirror) if mirror else []
    if not held:
        return "disable_checkpoint = true\nprovider_installation {\n  direct {}\n}\n"
    listed = json.dumps(held)
    return (
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        f"  filesystem_mirror {{\n    path    = {json.dumps(str(mirror))}\n    include = {listed}\n  }}\n"
        f"  direct {{\n    exclude = {listed}\n  }}\n"
        "}\n"
    )


def _held(mirror: Path) -> list[str]:
    found = (path.relative_to(mirror).as_posix() for path in mirror.glob("*.*/*/*") if path.is_dir())
    return sorted(found)


# -- environment ---------------------------------------------------------------------------------------


def is_meant(name: str, patterns: Iterable[str]) -> bool:
    """Whether the variable *name* is one of *patterns*, of which `ABC_*` stands for all of a prefix."""
    return any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in patterns)


def terraform_environment(
    base: Mapping[str, str], *, cli_config_file: Path | None = None, own: Collection[str] = ()
) -> dict[str, str]:
    """
    Return the whole environment of a Terraform process.

    Of *base* only what Terraform and providers need is passed on: PATH, HOME, language, proxies, certificates, how
    Go uses memory, and the clouds' own variables. No TF_* variable of the caller is, since these can inject
    arguments and values.

    Args:
        cli_config_file: Holds the text of `cli_config`.
        own: What the adapters have passed on beside, as `AdapterSettings.environment`.
    """
    passed = {
        name: value
        for name, value in base.items()
        if name in _PASSED_ON or name.startswith(_CLOUDS) or is_meant(name, own)
    }
    if passed.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        passed.pop("AWS_CA_BUNDLE", None)  # the provider refuses to start with a bundle it has no use for
    if cli_config_file is not None:
        passed["TF_CLI_CONFIG_FILE"] = str(cli_config_file)
    return {**_UNLESS_GIVEN, **passed, **_FIXED}


# -- locks ---------------------------------------------------------------------------------------------


def lock_providers(
    requirements: Mapping[str, ProviderRequirement],
    *,
    binary: str,
    mirror: Path | None,
    environment: Mapping[str, str],
) -> dict[str, ProviderLock]:
    """
    Choose the newest allowed version of each provider and read its checksums: full address -> lock.

    Terraform chooses, by one `init` in an empty folder. From a mirror the checksums are those of this machine's
    platform, from a registry those of every platform.

    Args:
        requirements: Local name -> requirement; providers built into Terraform need no lock and get none.
        environment: Of the caller; filtered by `terraform_environment`.

    Raises:
        EngineFailed: A provider cannot be had in any version allowed; Terraform's own words as `diagnostics`.
    """
    from mcop_core.catalog.models import ProviderLock

    needed = {
        name: requirement
        for name, requirement in sorted(requirements.items())
        if not requirement.source.lower().startswith(_BUILT_IN)
    }
    if not needed:
        return {}
    with tempfile.TemporaryDirectory(prefix="mcop-lock-") as name:
        folder = Path(name)
        (folder / "main.tf.json").write_text(_requirements_document(needed))
        (folder / "terraform.tfrc").write_text(cli_config(mirror))
        allowed = terraform_environment(environment, cli_config_file=folder / "terraform.tfrc")
        done = run(binary, ["init", "-backend=false", "-input=false", "-no-color"], cwd=folder, environment=allowed)
        if done.exit_code != 0:
            raise _cannot_lock(needed, done.stderr or done.stdout)
        chosen = read_lock_file((folder / ".terraform.lock.hcl").read_text())
        return {address: ProviderLock(version=one.version, hashes=one.hashes) for address, one in chosen.items()}


def _requirements_document(needed: Mapping[str, ProviderRequirement]) -> str:
    entries = {
        name: {"source": entry.source, **({"version": entry.version} if entry.version else {})}
        for name, entry in needed.items()
    }
    return json.dumps({"terraform": {"required_providers": entries}})


def _cannot_lock(needed: Mapping[str, ProviderRequirement], said: str) -> EngineFailed:
    wanted = ", ".join(f"{entry.source} {entry.version}".strip() for entry in needed.values())
    words = " ".join(line.strip("│╷╵ ") for line in said.splitlines() if line.strip("│╷╵ "))
    diagnostics = ({"summary": "init failed", "detail": words, "where": ""},)
    hint = hint_for(words)
    text = f"the providers {wanted} cannot be locked: {words}" + (f" Hint: {hint}" if hint else "")
    return EngineFailed(text, diagnostics=diagnostics, hint=hint)


class Locked(NamedTuple):
    """Version and checksums, sorted, of a provider in a lock file."""

    version: str
    hashes: tuple[str, ...]


def read_lock_file(text: str) -> dict[str, Locked]:
    """Read what Terraform wrote to `.terraform.lock.hcl`: by full provider address."""
    return {
        address: Locked(version.group(1), tuple(sorted(_LOCK_HASH.findall(body))))
        for address, body in _LOCK_BLOCK.findall(text)
        if (version := _LOCK_VERSION.search(body))
    }
