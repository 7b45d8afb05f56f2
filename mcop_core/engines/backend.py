"""
Workflow backend -> `backend.tf.json`, and where MCOP itself finds the state.

Backend values are literal-only in Terraform: nothing in them is evaluated, and nothing may be escaped. So they must
match a strict pattern. The key is computed from the address of the element, never taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from mcop_core.errors import Fault, InvalidDocuments, UnknownName, closest

Address = tuple[str, str, str, str, str]
"""(namespace, manifest, workflow, pattern, element)."""

_VALUE = re.compile(r"[A-Za-z0-9/_.:-]+", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}", re.ASCII)

_SWITCHES = frozenset(
    {
        "encrypt",
        "use_lockfile",
        "use_path_style",
        "skip_credentials_validation",
        "skip_metadata_api_check",
        "skip_region_validation",
        "skip_requesting_account_id",
        "skip_s3_checksum",
    }
)
_S3_FIELDS = ("bucket", "region", "dynamodb_table", "kms_key_id", "acl", *sorted(_SWITCHES))

_NOT_YOURS = {
    "key": "the key is computed from namespace, manifest, workflow, pattern and element, so that no two share a state",
    "workspace_key_prefix": "the key is computed, and MCOP uses no Terraform workspaces",
    "access_key": "credentials come from the worker's environment, never from the catalog",
    "secret_key": "credentials come from the worker's environment, never from the catalog",
    "token": "credentials come from the worker's environment, never from the catalog",
    "profile": "credentials come from the worker's environment, never from the catalog",
    "shared_credentials_files": "credentials come from the worker's environment, never from the catalog",
    "assume_role": "the role is the worker's own",
    "endpoint": "endpoints come from the worker's environment (AWS_ENDPOINT_URL), never from the catalog",
    "endpoints": "endpoints come from the worker's environment (AWS_ENDPOINT_URL), never from the catalog",
    "workspace_dir": "the state of an element has one place, computed below path",
}


@dataclass(frozen=True, slots=True)
class RenderedBackend:
    """
    One element's backend.

    Attributes:
        block: What stands in `backend.tf.json`: backend type -> fields.
        state: `RenderedArtifact.runtime["state"]`: `store` (URL), `key`, `lock` (`lockfile` or `dynamodb`) and
            then `dynamodb_table`.
    """

    block: Mapping[str, Any]
    state: Mapping[str, str]


def state_key(address: Address) -> str:
    """Return `<namespace>/<manifest>/<workflow>/<pattern>/<element>.tfstate`."""
    return "/".join(address) + ".tfstate"


def check_backend(backend: Mapping[str, Any]) -> list[str]:
    """
    Say what is wrong with *backend*, one sentence each.

    A value that holds a `${…}` is not looked at; rendering checks it when it is concrete.
    """
    kind = str(backend.get("type"))
    if kind not in _KINDS:
        return [_unknown_type(kind)]
    return list(_KINDS[kind].check(backend))


def render_backend(backend: Mapping[str, Any], address: Address) -> RenderedBackend:
    """
    Return the backend block and the place of the state of the element at *address*.

    Raises:
        UnknownName: The type is none that MCOP can lock; lists those.
        InvalidDocuments: A field is missing, unknown, or holds what cannot stand there.
    """
    kind = str(backend.get("type"))
    if kind not in _KINDS:
        raise UnknownName(_unknown_type(kind), name=kind, known=tuple(_KINDS))
    unfinished = [f"{name} still holds a reference" for name, value in backend.items() if _is_reference(value)]
    problems = unfinished + check_backend(backend)
    if problems:
        where = ".".join(address[2:])
        raise InvalidDocuments.of(Fault(problem, where=where, path="backend") for problem in problems)
    return _KINDS[kind].render(backend, address)


def state_of(backend: Mapping[str, Any], address: Address, engine: str) -> dict[str, str]:
    """
    Return where *engine* keeps the state of the element at *address*: beside where Terraform's would be.

    It is `RenderedBackend.state`, the key ends in `.<engine>.json`; raises as `render_backend`.
    """
    found = dict(render_backend(backend, address).state)
    return {**found, "key": f"{found['key'].removesuffix('.tfstate')}.{engine}.json"}


def _unknown_type(kind: object) -> str:
    near = closest(str(kind), _KINDS)
    return (
        f"backend type {kind!r} is not supported, since MCOP must hold its lock. Allowed: {', '.join(sorted(_KINDS))}."
        + (f' Did you mean "{near}"?' if near else "")
    )


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and "{" in value


def _unknown_fields(backend: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for name in sorted(set(backend) - {"type", *known}):
        if name in _NOT_YOURS:
            yield f"{name} is not allowed: {_NOT_YOURS[name]}"
            continue
        near = closest(name, known)
        suggestion = f' Did you mean "{near}"?' if near else ""
        yield f"{name} is no field of this backend. Allowed: {', '.join(known)}.{suggestion}"


# -- s3 ------------------------------------------------------------------------------------------------


def _check_s3(backend: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown_fields(backend, _S3_FIELDS)
    yield from (f"{name} is missing" for name in ("bucket", "region") if not backend.get(name))
    for name in _S3_FIELDS:
        value = backend.get(name)
        if value is None or _is_reference(value):
            continue
        if name in _SWITCHES:
            if not isinstance(value, bool):
                yield f"{name} is {value!r}: write true or false"
        elif not isinstance(value, str) or not _pattern(name).fullmatch(value):
            yield f"{name} is {value!r}: it must match {_pattern(name).pattern}"
    if backend.get("use_lockfile") in (None, False) and not backend.get("dynamodb_table"):
        yield "it has no lock: write use_lockfile: true, or name a dynamodb_table"


def _pattern(name: str) -> re.Pattern[str]:
    return {"bucket": _BUCKET, "dynamodb_table": _TABLE}.get(name, _VALUE)


def _render_s3(backend: Mapping[str, Any], address: Address) -> RenderedBackend:
    fields = {name: backend[name] for name in _S3_FIELDS if backend.get(name) is not None}
    key = state_key(address)
    query = {"region": fields["region"]}
    if fields.get("encrypt"):
        query["encrypt"] = "true"
    query |= {name: fields[name] for name in ("kms_key_id", "acl") if name in fields}
    state = {"store": f"s3://{fields['bucket']}?{urlencode(query, safe=':/')}", "key": key}
    if fields.get("use_lockfile"):
        state["lock"] = "lockfile"
    else:
        state |= {"lock": "dynamodb", "dynamodb_table": fields["dynamodb_table"]}
    return RenderedBackend({"s3": {**fields, "key": key}}, state)


# -- local ---------------------------------------------------------------------------------------------


def _check_local(backend: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown_fields(backend, ("path",))
    path = backend.get("path")
    if path is None:
        yield "path is missing: the folder below which the states lie"
    elif not _is_reference(path) and not _is_folder(path):
        yield f"path is {path!r}: it must be an absolute folder and match {_VALUE.pattern}"


def _is_folder(path: object) -> bool:
    return (
        isinstance(path, str)
        and path.startswith("/")
        and not path.startswith("//")
        and _VALUE.fullmatch(path) is not None
        and not {".", ".."} & set(path.split("/"))
    )


def _render_local(backend: Mapping[str, Any], address: Address) -> RenderedBackend:
    folder, key = backend["path"].rstrip("/"), state_key(address)
    state = {"store": f"file://{folder or '/'}", "key": key, "lock": "lockfile"}
    return RenderedBackend({"local": {"path": f"{folder}/{key}"}}, state)


@dataclass(frozen=True, slots=True)
class _BackendKind:
    check: Callable[[Mapping[str, Any]], Iterator[str]]
    render: Callable[[Mapping[str, Any], Address], RenderedBackend]


_KINDS: Mapping[str, _BackendKind] = {
    "s3": _BackendKind(_check_s3, _render_s3),
    "local": _BackendKind(_check_local, _render_local),
}
"""Every backend MCOP can lock. `local` is for tests and single machines: its folder must outlive the worker."""
