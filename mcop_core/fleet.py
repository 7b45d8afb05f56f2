"""The clouds of an installation: a folder of YAML files, the secrets that they refer to, and their strategies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

from mcop_core.catalog.yaml_files.tree import Tree, read_trees
from mcop_core.clouds.config import CloudConfig, read_config
from mcop_core.clouds.registry import load_strategy, providers
from mcop_core.clouds.strategy import CloudStrategy
from mcop_core.errors import Fault, InvalidDocuments, InvalidInput, UnknownName, closest
from mcop_core.limits import USUAL_LIMITS, Limits
from mcop_core.secrets.reference import SecretRef

NAMESPACE = "fleet"
"""As whom the fleet reads secrets: its key in MCOP_SECRETS_SCOPES, and the owner of connections `mcop.fleet.<name>`."""
_SUFFIXES = (".yaml", ".yml")


def read_clouds(folder: Path, *, limits: Limits = USUAL_LIMITS) -> dict[str, CloudConfig]:
    """
    Return the clouds that the files of *folder* configure, by name, sorted; one file may have several documents.

    Raises:
        InvalidInput: There is no such folder.
        InvalidDocuments: Every fault of every file.
    """
    if not folder.is_dir():
        raise InvalidInput(f"MCOP_CLOUDS is {str(folder)!r}: there is no such folder")
    faults: list[Fault] = []
    found: dict[str, tuple[CloudConfig, str]] = {}
    for file in sorted(one for one in folder.iterdir() if one.suffix in _SUFFIXES and one.is_file()):
        for config, line in _configs(file, limits, faults):
            where = f"{file}:{line}"
            if config.name in found:
                message = f"cloud {config.name!r} stands in {found[config.name][1]}, too: give it another name"
                faults.append(Fault(message, f"cloud {config.name}", "name", str(file), line))
            found.setdefault(config.name, (config, where))
    if faults:
        raise InvalidDocuments.of(faults)
    return {name: config for name, (config, _) in sorted(found.items())}


def _configs(file: Path, limits: Limits, faults: list[Fault]) -> Iterator[tuple[CloudConfig, int]]:
    excess = limits.excess("document_bytes", file.stat().st_size)
    if excess:
        faults.append(Fault(f"the file has {excess}", file=str(file)))
        return
    for tree in read_trees(file.read_text(encoding="utf-8", errors="replace")):
        try:
            yield _config(tree, str(file)), tree.line
        except InvalidDocuments as error:
            faults += error.faults


def _config(tree: Tree, file: str) -> CloudConfig:
    if tree.flaws:
        raise InvalidDocuments.of(Fault(one.message, path=one.path, file=file, line=one.line) for one in tree.flaws)
    if not isinstance(tree.value, dict):
        raise InvalidDocuments.of([Fault("a cloud is a mapping of fields", file=file, line=tree.line)])
    config = read_config(tree.value, where=file, lines=tree.lines)
    known = providers()
    if config.provider not in known:
        line, near = tree.lines.get("provider", tree.line), closest(config.provider, known)
        message = f"there is no provider {config.provider!r}."
        raise InvalidDocuments.of([Fault(message, f"cloud {config.name}", "provider", file, line, known, near)])
    return config


class Fleet:
    """
    The configured clouds; each is opened when it is first asked for, and stays open.

    Args:
        configs: By name.
        read_secret: Follows the reference to the credentials of one.
    """

    def __init__(self, configs: Mapping[str, CloudConfig], read_secret: Callable[[SecretRef], str]) -> None:
        self.configs = dict(configs)
        self._read_secret = read_secret
        self._open: dict[str, CloudStrategy] = {}
        self._lock = Lock()

    def open(self, name: str) -> CloudStrategy:
        """
        Return the strategy of the cloud *name*.

        Raises:
            UnknownName: There is none; lists those that there are.
            NotFound, Refused, Unreachable, InvalidInput: Its credentials cannot be read, or its options are wrong.
        """
        if name not in self.configs:
            near = closest(name, self.configs)
            known = ", ".join(self.configs) or "none: MCOP_CLOUDS names the folder of their files"
            hint = f' Did you mean "{near}"?' if near else ""
            raise UnknownName(
                f"there is no cloud {name!r}. Configured: {known}.{hint}", name=name, known=tuple(self.configs)
            )
        with self._lock:
            if name not in self._open:
                config = self.configs[name]
                self._open[name] = load_strategy(config, self._credentials(config))
            return self._open[name]

    def chosen(self, clouds: Sequence[str] = (), providers: Sequence[str] = ()) -> list[str]:
        """
        Return the names of *clouds* and those of *providers*, all of them where both are empty, sorted.

        Raises:
            UnknownName: A cloud or provider is none that is configured.
        """
        by_provider = {config.provider for config in self.configs.values()}
        for wanted, known, what in ((clouds, self.configs, "cloud"), (providers, by_provider, "cloud of provider")):
            for name in wanted:
                if name not in known:
                    near = closest(name, known)
                    hint = f' Did you mean "{near}"?' if near else ""
                    raise UnknownName(
                        f"there is no {what} {name!r}. Configured: {', '.join(sorted(known)) or 'none'}.{hint}",
                        name=name,
                        known=tuple(sorted(known)),
                    )
        return [
            name
            for name, config in self.configs.items()
            if (not clouds and not providers) or name in clouds or config.provider in providers
        ]

    def _credentials(self, config: CloudConfig) -> dict[str, str]:
        if not config.credentials:
            return {}
        text = self._read_secret(SecretRef.parse(config.credentials))
        try:
            held = json.loads(text)
        except ValueError:
            held = None
        if not isinstance(held, dict):
            # A secret that is one text is what clouds with a single token have.
            return {"password": text}
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in held.items()
            if value not in (None, "")
        }
