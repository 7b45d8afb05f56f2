"""
The folder of a module in what Terraform says of its resources; pure.

A module that hands on `path.module` has the name of its folder in its state: `module/` in the root of its own, another
one for each element in a merged root. So that a plan of the merged root sees no difference in that alone, its state
has the one name, and what is planned is told with the other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mcop_core.engines.terraform.module_files import is_configuration

OWN = "module"
"""Name of the folder in the root that a component has by itself."""


def names_its_folder(files: Mapping[str, bytes]) -> bool:
    """Whether a module says somewhere where its files lie."""
    return any(b"path.module" in data for path, data in files.items() if is_configuration(path))


def renamed_in(value: Any, old: Iterable[str], new: str) -> Any:
    """Return *value* with every path in it that begins in one of the folders *old* beginning in *new*."""
    pattern = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, old))})/")

    def renamed(part: Any) -> Any:
        if isinstance(part, str):
            return pattern.sub(f"{new}/", part)
        if isinstance(part, list):
            return [renamed(item) for item in part]
        if isinstance(part, Mapping):
            return {key: renamed(item) for key, item in part.items()}
        return part

    return renamed(value)


def with_own_folders(document: Mapping[str, Any], modules: Collection[str]) -> Mapping[str, Any]:
    """Return a merged root's plan, as `show -json` prints it, as if each of *modules* lay in a folder `OWN`."""
    if not modules:
        return document
    changes = [_with_own_folder(entry, modules) for entry in document.get("resource_changes") or []]
    outputs = renamed_in(document.get("output_changes") or {}, modules, OWN)
    return {**document, "resource_changes": changes, "output_changes": outputs}


def _with_own_folder(entry: Mapping[str, Any], modules: Collection[str]) -> Mapping[str, Any]:
    module = str(entry["address"]).split(".", 2)[1].split("[")[0]
    return {**entry, "change": renamed_in(entry["change"], [module], OWN)} if module in modules else entry
