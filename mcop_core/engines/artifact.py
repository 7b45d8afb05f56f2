"""What rendering wrote for one step, and how it lies in the artifact store."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcop_core.artifacts.store import ObjectStore
from mcop_core.catalog.canonical import canonical_json
from mcop_core.engines.values import secrets_in
from mcop_core.errors import Refused, Tampered
from mcop_core.secrets.reference import SecretRef


@dataclass(frozen=True, slots=True)
class RenderedArtifact:
    """
    What rendering wrote, content-addressed: stored as `artifacts/<digest>.json`.

    Attributes:
        engine: Registered name of the engine that rendered it and will run it.
        files: Path -> bytes.
        runtime: What the engine's apply needs and is no file: where the state lies, which inputs are sealed,
            which outputs to return. JSON; the engine's own form.
    """

    engine: str
    files: Mapping[str, bytes]
    runtime: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the one JSON text of this artifact; files that are not UTF-8 go as base64."""
        return canonical_json(
            {
                "engine": self.engine,
                "files": {path: _encode(data) for path, data in self.files.items()},
                "runtime": dict(self.runtime),
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 of `to_json`, in hex."""
        return hashlib.sha256(self.to_json()).hexdigest()

    @property
    def secrets(self) -> tuple[SecretRef, ...]:
        """The references to secrets in what its apply needs, sorted."""
        return tuple(sorted(set(secrets_in(self.runtime))))

    @property
    def key(self) -> str:
        """Key in the artifact store."""
        return artifact_key(self.digest)

    @classmethod
    def from_json(cls, data: bytes, digest: str) -> RenderedArtifact:
        """
        Read what `to_json` wrote.

        Raises:
            Tampered: *data* does not have *digest*.
        """
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise Tampered(f"artifact {digest} has the digest {found}", expected=digest, found=found)
        document = json.loads(data)
        files = {path: _decode(entry) for path, entry in document["files"].items()}
        return cls(document["engine"], files, document["runtime"])


def artifact_key(digest: str) -> str:
    """Return the key of the artifact with *digest*."""
    return f"artifacts/{digest}.json"


def load_artifact(store: ObjectStore, digest: str) -> RenderedArtifact:
    """
    Return the artifact with *digest* from the artifact store.

    Raises:
        StoredObjectMissing: It is not there.
        Tampered: What is there has another digest.
    """
    return RenderedArtifact.from_json(store.get(artifact_key(digest)).data, digest)


def load_origin(store: ObjectStore, digest: str, engine: str) -> RenderedArtifact:
    """
    Return the artifact of a component under an id that it had before; *engine* is the one it has now.

    Raises:
        Refused: Another engine deployed it; raises else as `load_artifact`.
    """
    origin = load_artifact(store, digest)
    if origin.engine != engine:
        raise Refused(
            f"what {origin.engine} deployed cannot move to a component of {engine}: leave it out of `moved`, so that "
            "it is destroyed and made anew"
        )
    return origin


def _encode(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _decode(entry: Mapping[str, str]) -> bytes:
    return entry["text"].encode() if "text" in entry else base64.b64decode(entry["base64"])
