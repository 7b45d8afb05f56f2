import pytest
from botocore.exceptions import EndpointConnectionError

from mcop_core.embedded.resources import kind_of, list_resources
from mcop_core.engines.terraform.search import LISTERS


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("vpc-901e56b500ca77337", "ec2 vpc"),
        ("igw-1", "ec2 igw"),
        ("arn:aws:s3:::files", "s3"),
        ("arn:aws:iam::1:role/service", "iam role"),
        ("arn:aws:dynamodb:us-east-1:1:table/orders", "dynamodb table"),
        ("arn:aws:logs:us-east-1:1:log-group:/shop", "logs log-group"),
        ("arn:aws:sns:us-east-1:1:orders", "sns"),
    ],
)
def test_a_resource_says_what_it_is(identity, expected):
    """Kind and service stand in an ARN, and in the first part of an EC2 id."""
    assert kind_of(identity) == expected


def test_what_does_not_answer_is_data():
    """A cloud that cannot be reached is told per service, and is no exception."""

    def client(service):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

    listing = list_resources("shop", "staging", client)

    assert listing.resources == ()
    assert set(listing.failures) == set(LISTERS)
    assert all("127.0.0.1:9" in why for why in listing.failures.values())
