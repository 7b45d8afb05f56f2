"""Entries of a kubeconfig for clusters: endpoint, CA and the program that gets a token; no secret stands in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from mcop_core.clouds.models import Cluster, ClusterLogin
from mcop_core.errors import InvalidInput


def entry_name(cluster: Cluster) -> str:
    """Return what the cluster is called in a kubeconfig: `cloud_region_name`."""
    return "_".join((cluster.cloud, cluster.region, cluster.name))


def with_cluster(kubeconfig: Mapping[str, Any], cluster: Cluster, login: ClusterLogin) -> dict[str, Any]:
    """
    Return *kubeconfig* with an entry for *cluster*; another of its name is replaced, everything else stays.

    Args:
        kubeconfig: A kubeconfig as a document; empty: a new one.

    Raises:
        InvalidInput: The cluster has no endpoint or CA yet, or *kubeconfig* is none.
    """
    if not cluster.endpoint or not cluster.ca_certificate:
        lacking = "endpoint" if not cluster.endpoint else "CA"
        raise InvalidInput(
            f"cluster {cluster.name} in {cluster.cloud}/{cluster.region} is {cluster.state} and has no {lacking} yet"
        )
    _check(kubeconfig)
    name = entry_name(cluster)
    given: dict[str, dict[str, Any]] = {
        "clusters": {"cluster": {"server": cluster.endpoint, "certificate-authority-data": _ca(cluster)}},
        "users": {"user": {"exec": _exec(login)}},
        "contexts": {"context": {"cluster": name, "user": name}},
    }
    whole = {"apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": name, **kubeconfig}
    for field, entry in given.items():
        others = [one for one in whole.get(field) or () if one.get("name") != name]
        whole[field] = [*others, {"name": name, **entry}]
    return whole


def _exec(login: ClusterLogin) -> dict[str, Any]:
    found: dict[str, Any] = {
        "apiVersion": login.api_version,
        "command": login.command,
        "args": list(login.arguments),
        "interactiveMode": "IfAvailable",
        "installHint": login.hint,
        "provideClusterInfo": login.is_told_the_cluster,
    }
    if login.environment:
        found["env"] = [{"name": name, "value": value} for name, value in login.environment.items()]
    return found


def _ca(cluster: Cluster) -> str:
    """Return the CA as a kubeconfig has it; what is none would have kubectl fail without a word on why."""
    try:
        base64.b64decode(cluster.ca_certificate, validate=True)
    except ValueError as error:
        raise InvalidInput(f"cluster {cluster.name}: its CA is no base64") from error
    return cluster.ca_certificate


def _check(kubeconfig: Mapping[str, Any]) -> None:
    if kubeconfig and kubeconfig.get("kind", "Config") != "Config":
        raise InvalidInput(f"this is no kubeconfig: its kind is {kubeconfig.get('kind')!r}")
    for field in ("clusters", "users", "contexts"):
        entries = kubeconfig.get(field) or []
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise InvalidInput(f"this is no kubeconfig: {field} is no list of mappings")
