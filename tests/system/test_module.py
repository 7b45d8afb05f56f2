"""A module of somebody's own: the guide as it is written."""

import json

import pytest

from tests.system.conftest import ROOT
from tests.system.guide import follow

pytestmark = pytest.mark.system


def test_the_guide_works_as_written(stack, checkout):
    """Published, deployed, previewed and changed in place."""
    deployed, changed = follow(ROOT / "docs" / "guides" / "module.md", checkout)

    assert "COMPLETED" in deployed and "0 remarks" in deployed
    assert "0 to add, 1 to change, 0 to replace, 0 to destroy" in changed and "COMPLETED" in changed
    sqs = stack.client("sqs")
    queue = sqs.get_queue_url(QueueName="billing-jobs")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    assert 3 == int(json.loads(policy)["maxReceiveCount"])
