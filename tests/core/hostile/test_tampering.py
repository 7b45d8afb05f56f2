"""What lies in the artifact store, or in a backup, and was changed there: it is refused before anything reads it."""

from __future__ import annotations

import pytest

from mcop_core.artifacts.templates import load_template
from mcop_core.backup import back_up, restore
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.compiler.snapshot import load_plan, load_snapshot, plan_key, snapshot_key
from mcop_core.engines.artifact import artifact_key, load_artifact
from mcop_core.engines.changes import Preview, preview_key
from mcop_core.errors import InvalidName, Tampered
from mcop_core.rendering import render_step
from tests.core.hostile.tables import each


@each("tampering")
def test_what_was_changed_is_refused(case, door, tmp_path):
    """By the digest that its reader knew before; nothing of it is used."""
    door.publish()
    read = THINGS[case.says["thing"]](door, case.variant, tmp_path)

    with pytest.raises((Tampered, InvalidName)):
        read()


def altered(data, variant):
    """Return *data* as the variant changes it; that it changes nothing is a mistake of the table."""
    ((how, what),) = variant.items()
    middle = len(data) // 2
    found = {
        "append": lambda: data + what.encode(),
        "cut": lambda: data[:-what],
        "flip": lambda: data[:middle] + bytes([data[middle] ^ what]) + data[middle + 1 :],
        "replace": lambda: what.encode(),
        "swap": lambda: data.replace(what[0].encode(), what[1].encode()),
    }[how]()
    assert found != data, f"{variant} changes nothing"
    return found


def artifact(door, variant, _):
    step = door.plan().steps[0].id
    rendered = render_step(door.plan(), step, door.engine, door.store, door.cache, overrides={}, outputs={})
    door.store.put(artifact_key(rendered.digest), altered(rendered.to_json(), variant))
    return lambda: load_artifact(door.store, rendered.digest)


def plan(door, variant, _):
    digest = door.plan().digest
    door.store.put(plan_key(digest), altered(door.store.get(plan_key(digest)).data, variant))
    return lambda: load_plan(door.store, digest)


def snapshot(door, variant, _):
    digest = door.repository.head().snapshot
    door.store.put(snapshot_key(digest), altered(door.store.get(snapshot_key(digest)).data, variant))
    return lambda: load_snapshot(door.store, digest)


def preview(door, variant, _):
    made = Preview("manifest#shop@1.0.0", door.plan().digest, ())
    door.store.put(preview_key(made.digest), altered(made.to_json(), variant))
    return lambda: Preview.from_json(door.store.get(preview_key(made.digest)).data, made.digest)


def template(door, variant, _):
    published = door.plan().steps[0].template
    key = f"{published.prefix}/main.tf"
    door.store.put(key, altered(door.store.get(key).data, variant))
    return lambda: load_template(door.store, published, door.cache)


def listing(door, variant, _):
    published = door.plan().steps[0].template
    ((path, entry),) = published.files.items()
    forged = {
        variant.get("path", path): entry.model_copy(update={"sha256": variant.get("sha256", entry.sha256[0]) * 64})
    }
    return lambda: load_template(door.store, published.model_copy(update={"files": forged}), door.cache)


def backup(door, variant, tmp_path):
    path = tmp_path / "backup"
    back_up(door.repository, door.store, path)
    path.write_bytes(altered(path.read_bytes(), variant))
    return lambda: restore(MemoryRepository(), door.store, path)


def digest(door, variant, _):
    return lambda: load_plan(door.store, variant["digest"])


THINGS = {
    "artifact": artifact,
    "plan": plan,
    "snapshot": snapshot,
    "preview": preview,
    "template": template,
    "listing": listing,
    "backup": backup,
    "digest": digest,
}
