"""The policies in include/policies, each with previews that it denies, warns of and passes."""

import json
from pathlib import Path

import pytest

from mcop_core.engines.changes import Action, AttributeChange
from mcop_core.policies.evaluate import evaluate
from mcop_core.policies.folder import read_policies
from tests.core.policies.previews import change, document

POLICIES = {policy.name: policy for policy in read_policies(Path(__file__).parents[3] / "include" / "policies")}


def said(policy, given):
    return [f"{verdict.level}: {verdict.message}" for verdict in evaluate([POLICIES[policy]], given)]


def bucket_policy(text, **fields):
    return change("aws_s3_bucket_policy", AttributeChange("policy", after=text, **fields))


def statement(**parts):
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", **parts}]})


def test_three_policies_are_shipped():
    """A folder that everybody can read as an example."""
    assert {"blast_radius", "no_public_buckets", "required_tags"} == POLICIES.keys()


@pytest.mark.parametrize(
    ("level", "given"),
    [
        ("deny", change("aws_s3_bucket_acl", AttributeChange("acl", after="public-read"))),
        ("deny", change("aws_s3_bucket_acl", AttributeChange("acl", after="public-read-write"), action=Action.UPDATE)),
        ("deny", change("aws_s3_bucket", AttributeChange("acl", after="authenticated-read"), action=Action.REPLACE)),
        (
            "deny",
            change(
                "aws_s3_bucket_acl",
                AttributeChange(
                    "access_control_policy[0].grant[0].grantee[0].uri",
                    after="http://acs.amazonaws.com/groups/global/AllUsers",
                ),
            ),
        ),
        ("", change("aws_s3_bucket_acl", AttributeChange("acl", after="private"))),
        ("", change("aws_s3_bucket_acl", AttributeChange("acl", before="public-read"), action=Action.UPDATE)),
        ("deny", change("aws_s3_bucket_public_access_block", AttributeChange("block_public_acls", after=False))),
        ("", change("aws_s3_bucket_public_access_block", AttributeChange("block_public_acls", after=True))),
        ("warn", change("aws_s3_bucket_public_access_block", action=Action.DESTROY)),
        ("deny", bucket_policy(statement(Principal="*"))),
        ("deny", bucket_policy(statement(Principal={"AWS": "*"}))),
        ("deny", bucket_policy(statement(Principal={"AWS": ["arn:aws:iam::1:root", "*"]}))),
        ("deny", bucket_policy(statement(NotPrincipal={"AWS": "arn:aws:iam::1:root"}))),
        ("deny", bucket_policy(json.dumps({"Statement": {"Effect": "Allow", "Principal": "*"}}))),
        ("deny", bucket_policy('{"Statement": {"Effect": "Allow", "\\u0050rincipal": "\\u002a"}}')),
        ("deny", bucket_policy('{"statement": {"effect": "ALLOW", "PRINCIPAL": "*"}}')),
        ("deny", bucket_policy(statement(Principal="*", Sid='a "quoted" \n \\ \u202e & <text>'))),
        ("deny", bucket_policy("no json")),
        ("warn", bucket_policy(statement(Principal="*", Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}}))),
        ("deny", bucket_policy(statement(Principal="*", Condition={}))),
        ("warn", bucket_policy(None, is_unknown=True)),
        ("warn", bucket_policy(None, is_sensitive=True)),
        ("", bucket_policy(statement(Principal={"AWS": "arn:aws:iam::1:root"}))),
        ("", bucket_policy(statement(Effect="Deny", Principal="*"))),
        ("", change("aws_iam_policy", AttributeChange("policy", after=statement(Principal="*")))),
    ],
)
def test_no_bucket_is_opened_to_everybody(level, given):
    """By ACL, by access block or by policy, whatever way the policy is written."""
    found = said("no_public_buckets", document(given))

    assert [level] * bool(level) == [one.partition(":")[0] for one in found]
    assert "cannot be evaluated" not in " ".join(found)


@pytest.mark.parametrize(
    ("expected", "attributes"),
    [
        ([], [AttributeChange("tags.application", after="shop"), AttributeChange("tags.environment", after="test")]),
        ([], [AttributeChange("tags.application", after="a"), AttributeChange("tags_all.environment", after="b")]),
        ([], [AttributeChange("tags.application", is_unknown=True), AttributeChange("tags.environment", after="b")]),
        ([], [AttributeChange("cidr_block", after="10.0.0.0/16")]),
        (["environment"], [AttributeChange("tags.application", after="shop")]),
        (
            ["environment"],
            [AttributeChange("tags.application", after="a"), AttributeChange("tags.environment", after=" ")],
        ),
        (["application", "environment"], [AttributeChange("tags_all", is_unknown=True)]),
        (["application", "environment"], [AttributeChange("tags.applications", after="shop")]),
    ],
)
def test_a_created_resource_has_its_tags(expected, attributes):
    """Each missing tag is named; a resource that shows no tags can have none."""
    found = said("required_tags", document(change("aws_vpc", *attributes)))

    assert [f"deny: aws_vpc.this: the tag {tag} is missing" for tag in expected] == found


def test_tags_that_nobody_can_tell_are_warned_of():
    """They are neither there nor missing."""
    found = said("required_tags", document(change("aws_vpc", AttributeChange("tags", is_unknown=True))))

    assert ["warn: aws_vpc.this: its tags are only known after apply"] == found


def test_what_is_not_created_needs_no_tags():
    """An update shows what changes, not what is there."""
    given = change("aws_vpc", AttributeChange("tags.Name", after="a"), action=Action.UPDATE)

    assert [] == said("required_tags", document(given))


@pytest.mark.parametrize(
    ("destroyed", "replaced", "levels"),
    [
        (5, 0, []),
        (6, 0, ["warn"]),
        (3, 3, ["warn"]),
        (20, 0, ["warn"]),
        (21, 0, ["deny", "warn"]),
        (11, 10, ["deny", "warn"]),
    ],
)
def test_one_execution_takes_away_so_much_and_no_more(destroyed, replaced, levels):
    """Replaced counts as destroyed."""
    changes = [change("t", action=Action.DESTROY)] * destroyed + [change("t", action=Action.REPLACE)] * replaced
    found = said("blast_radius", document(*changes))

    assert levels == [one.partition(":")[0] for one in found]


def test_an_incomplete_preview_is_warned_of():
    """What is left out is not counted."""
    assert ["warn"] == [one.partition(":")[0] for one in said("blast_radius", document(deferred=True))]
