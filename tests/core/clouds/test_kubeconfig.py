"""Entries of a kubeconfig: kubectl finds the cluster, and gets its token from a program."""

from dataclasses import replace

import pytest
import yaml

from mcop_core.clouds.kubeconfig import entry_name, with_cluster
from mcop_core.clouds.models import Cluster, ClusterLogin, ClusterState
from mcop_core.errors import InvalidInput

APPLES = Cluster(
    "amazon",
    "aws",
    "eu-west-1",
    "apples",
    "apples",
    ClusterState.ACTIVE,
    endpoint="https://apples.test",
    ca_certificate="Q0E=",
)
LOGIN = ClusterLogin("aws", ("eks", "get-token"), "the AWS CLI is needed", {"AWS_PROFILE": "shop"})


def test_an_entry_has_address_ca_and_program():
    """In the form that kubectl reads; what it holds is no secret."""
    found = yaml.safe_load(yaml.safe_dump(with_cluster({}, APPLES, LOGIN)))

    name = "amazon_eu-west-1_apples"
    assert name == entry_name(APPLES) == found["current-context"]
    assert [{"name": name, "cluster": {"server": "https://apples.test", "certificate-authority-data": "Q0E="}}] == (
        found["clusters"]
    )
    assert [{"name": name, "context": {"cluster": name, "user": name}}] == found["contexts"]
    (user,) = found["users"]
    assert ["exec"] == list(user["user"])
    program = user["user"]["exec"]
    assert ("aws", ["eks", "get-token"]) == (program["command"], program["args"])
    assert [{"name": "AWS_PROFILE", "value": "shop"}] == program["env"]
    assert "client.authentication.k8s.io/v1beta1" == program["apiVersion"]


def test_an_entry_of_its_name_is_replaced_and_all_else_stays():
    """The file is a person's: other clusters, and the current one, are theirs."""
    others = {"clusters": [{"name": "mine", "cluster": {"server": "https://mine.test"}}], "current-context": "mine"}
    once = with_cluster(others, APPLES, LOGIN)
    twice = with_cluster(once, replace(APPLES, endpoint="https://moved.test"), LOGIN)

    assert ["mine", entry_name(APPLES)] == [one["name"] for one in twice["clusters"]]
    assert "https://moved.test" == twice["clusters"][1]["cluster"]["server"]
    assert "mine" == twice["current-context"]
    assert ["mine"] == [one["name"] for one in others["clusters"]]


REFUSED = {
    "no endpoint": ({}, replace(APPLES, endpoint="", state=ClusterState.CREATING), "is creating and has no endpoint"),
    "no CA": ({}, replace(APPLES, ca_certificate=""), "has no CA yet"),
    "no base64": ({}, replace(APPLES, ca_certificate="-----BEGIN"), "no base64"),
    "another kind": ({"kind": "Secret"}, APPLES, "its kind is 'Secret'"),
    "no list": ({"users": {"a": 1}}, APPLES, "users is no list"),
}


@pytest.mark.parametrize(("kubeconfig", "cluster", "says"), REFUSED.values(), ids=REFUSED)
def test_what_kubectl_could_not_use_is_not_written(kubeconfig, cluster, says):
    """And says why."""
    with pytest.raises(InvalidInput, match=says):
        with_cluster(kubeconfig, cluster, LOGIN)
