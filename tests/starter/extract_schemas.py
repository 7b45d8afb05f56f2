"""
A prebuilt CDKTF binding of a Terraform provider -> the part of the provider's schema that our modules use, as JSON.

The bindings are generated from what `terraform providers schema` says, and name the provider version that they are
from. They are not needed to run the tests: the tests read what this tool wrote. To write it again, for another version
or because a module uses another resource, fetch the package of the version that suits the adapter, and name it:

    npm pack @cdktf/provider-google@16.12.1
    python -m tests.starter.extract_schemas cdktf-provider-google-16.12.1.tgz

Read are the declarations (`index.d.ts`: what can be set, whether it must be, its type, what is a block) and the
getters of the code (`index.js`: what can be read, and which of it a provider computes). A binding does not say which
attributes are sensitive, which exclude each other, and what values they may have; nor do the schemas then.

Source: github.com/hashicorp/terraform-cdk, `@cdktf/provider-generator`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.starter.schemas import FOLDER, used_types

_INTERFACE = re.compile(r"^export interface (\w+)[^{\n]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_PROPERTY = re.compile(r"/\*\*(.*?)\*/\s*readonly \w+(\??): (\{.*?\}[^;]*|[^;{]+);", re.DOTALL)
_ANCHOR = re.compile(r"#(\w+) \w+#\1\}")
_AUTOMATIC_ID = "the id field is automatically added"
_CLASS = re.compile(r"^class (\w+) extends cdktf\.(\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_TYPE = re.compile(r"^(\w+)\.tfResourceType = \"(\w+)\";", re.MULTILINE)
_GETTER = re.compile(r"this\.get(\w+?)Attribute\('(\w+)'\)")
_MAP = re.compile(r"new cdktf\.(\w+Map)\(this, \"(\w+)\"")
_NESTED = re.compile(r"new (\w+?)(?:OutputReference|List|Map)\(this, \"(\w+)\"")
_SIMPLE = {
    "string": "string",
    "number": "number",
    "boolean | cdktf.IResolvable": "bool",
    "string[]": "list(string)",
    "number[]": "list(number)",
    "{ [key: string]: string; }": "map(string)",
    "{ [key: string]: number; }": "map(number)",
    "{ [key: string]: (boolean | cdktf.IResolvable); } | cdktf.IResolvable": "map(bool)",
    "{ [key: string]: any; }": "any",
    "Array<boolean | cdktf.IResolvable> | cdktf.IResolvable": "list(bool)",
}
_READ = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": "list(string)",
    "NumberList": "list(number)",
}
_READ |= {"StringMap": "map(string)", "NumberMap": "map(number)", "BooleanMap": "map(bool)"}
_OTHERS_ARE_ANY = "any"


@dataclass(frozen=True)
class Code:
    """What one folder of a binding holds, of one resource or data source: interface -> text, class -> text."""

    interfaces: Mapping[str, str]
    classes: Mapping[str, str]
    types: Mapping[str, str]

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]]) -> Code:
        """Read the files of a folder, (path, text) each."""
        interfaces: dict[str, str] = {}
        classes: dict[str, str] = {}
        types: dict[str, str] = {}
        for path, text in texts:
            if path.endswith(".d.ts"):
                interfaces |= dict(_INTERFACE.findall(text))
            else:
                classes |= {name: body for name, _, body in _CLASS.findall(text)}
                types |= {type_: name for name, type_ in _TYPE.findall(text)}
        return cls(interfaces, classes, types)

    def block(self, settable: str, readable: str) -> dict[str, Any]:
        """Return the schema of a resource or a block, from its interface and its class."""
        attributes: dict[str, Any] = {}
        blocks: dict[str, Any] = {}
        for name, is_optional, type_, doc in _properties(self.interfaces.get(settable, "")):
            struct, is_many = _struct(type_)
            required = {} if is_optional else {"required": True}
            if struct in self.interfaces and f"* {name} block" in doc:
                many = {"many": True} if is_many else {}
                blocks[name] = self.block(struct, f"{struct}OutputReference") | required | many
            elif struct in self.interfaces:
                attributes[name] = {"type": _OTHERS_ARE_ANY, **required}
            elif name == "id" and _AUTOMATIC_ID in doc and not settable.startswith("Data"):
                attributes[name] = {"type": "string", "computed": True}  # of data sources it can be what is asked for
            else:
                attributes[name] = {"type": _SIMPLE[" ".join(type_.split())], **required}
        self._add_computed(attributes, blocks, self.classes.get(readable, ""))
        found = {"attributes": attributes, "blocks": blocks}
        return {key: dict(sorted(value.items())) for key, value in found.items() if value}

    def _add_computed(self, attributes: dict[str, Any], blocks: dict[str, Any], body: str) -> None:
        for kind, name in [*_GETTER.findall(body), *_MAP.findall(body)]:
            if name not in blocks:
                attributes.setdefault(name, {"type": _READ.get(kind, _OTHERS_ARE_ANY), "computed": True})
        for struct, name in _NESTED.findall(body):
            if name not in blocks and name not in attributes:
                holds = self.block(struct, f"{struct}OutputReference")
                attributes[name] = {"type": _OTHERS_ARE_ANY, "computed": True, "holds": holds}


def _properties(body: str) -> Iterator[tuple[str, bool, str, str]]:
    """Yield name in Terraform, whether it is optional, TypeScript type and comment of what can be set."""
    for doc, optional, type_ in _PROPERTY.findall(body):
        if found := _ANCHOR.search(doc):
            yield found[1], bool(optional), type_, doc


def _struct(type_: str) -> tuple[str, bool]:
    """`Struct[] | cdktf.IResolvable` -> ("Struct", True)."""
    words = [word.strip() for word in type_.split("|")]
    struct = next((word for word in words if word != "cdktf.IResolvable"), "")
    return struct.removesuffix("[]"), struct.endswith("[]")


def extract(package: Path, wanted: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """
    Return the schemas of the wanted types.

    Args:
        package: The packed binding, as `npm pack` gives it.
        wanted: "resource" and "data" -> types; those of other providers are left out.

    Raises:
        SystemExit: The package knows a type of its provider not.
    """
    with tarfile.open(package) as archive:
        about = json.load(archive.extractfile("package/package.json"))
        provider = about["cdktf"]["provider"]
        name = provider["name"].partition("/")[2]
        prefix = name.partition("/")[2] + "_"
        types = {kind: {one for one in some if one.startswith(prefix)} for kind, some in wanted.items()}
        found = {kind: _extract_kind(archive, kind, some, prefix) for kind, some in types.items()}
    return {
        "provider": name,
        "version": provider["version"],
        "package": f"{about['name']} {about['version']}",
        "resource": found["resource"],
        "data": found["data"],
    }


def _extract_kind(archive: tarfile.TarFile, kind: str, types: set[str], prefix: str) -> dict[str, Any]:
    folders = _folders(archive)
    found: dict[str, Any] = {}
    for type_ in sorted(types):
        start = f"data-{prefix}" if kind == "data" else ""
        words = (start + type_.removeprefix(prefix)).replace("_", "-")
        names = [name for folder in (words, f"{words}-resource", f"{words}-a") for name in folders.get(folder, ())]
        texts = [(name, archive.extractfile(name).read().decode()) for name in names]
        code = Code.of(texts)
        if type_ not in code.types:
            sys.exit(f"the package has no {kind} {type_}")
        found[type_] = code.block(f"{code.types[type_]}Config", code.types[type_])
    return found


def _folders(archive: tarfile.TarFile) -> dict[str, list[str]]:
    """Return the folder of each resource or data source -> its files of code and declarations."""
    found: dict[str, list[str]] = {}
    for name in archive.getnames():
        parts = name.split("/")
        if len(parts) > 3 and parts[1] == "lib" and name.endswith((".js", ".d.ts")):
            found.setdefault(parts[2], []).append(name)
    return found


def write(schemas: Mapping[str, Any], path: Path) -> None:
    """Write one line for each type, so that a change shows what it is about."""
    lines = []
    for key, value in schemas.items():
        if isinstance(value, str):
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
        else:
            rows = [f"{json.dumps(name)}: {json.dumps(one, separators=(',', ':'))}" for name, one in value.items()]
            lines.append(f"{json.dumps(key)}: {{\n" + ",\n".join(rows) + "\n}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main() -> None:
    """Write `tests/cases/provider_schemas/PROVIDER.json` for each package named."""
    parser = argparse.ArgumentParser(description="Write down the schemas that the starter catalogs use.")
    parser.add_argument("packages", nargs="+", type=Path, metavar="PACKAGE.tgz")
    for package in parser.parse_args().packages:
        schemas = extract(package, used_types())
        path = FOLDER / f"{schemas['provider'].partition('/')[2]}.json"
        write(schemas, path)
        print(f"{path.name}: {schemas['version']}, {len(schemas['resource'])} resources, {len(schemas['data'])} data")


if __name__ == "__main__":
    main()
