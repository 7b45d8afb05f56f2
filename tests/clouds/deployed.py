"""What executions would have deployed: its notes, artifacts and states, written into a store without Terraform."""

import json

from mcop_core.bootstrap import open_store
from mcop_core.deployments import Deployment, Deployments
from mcop_core.engines.artifact import RenderedArtifact


def resource(kind: str, name: str, *instances: dict) -> dict:
    return {"mode": "managed", "module": "module.this", "type": kind, "name": name, "instances": list(instances)}


def deploy(url: str, step: str, resources: list[dict] | None) -> None:
    """Note a component as deployed, with its artifact and its state; None: without a state."""
    store, key = open_store(url), f"team/shop/{step.replace('.', '/')}.tfstate"
    artifact = RenderedArtifact("terraform", {}, {"state": {"store": url, "key": key}})
    store.put(artifact.key, artifact.to_json())
    if resources is not None:
        state = {"version": 4, "serial": 1, "lineage": "l", "outputs": {}, "resources": resources}
        store.put(key, json.dumps(state).encode())
    Deployments(store, "team", "shop").put(Deployment(step, artifact.digest, "p", {}, (), "e", "2026-01-01"))
