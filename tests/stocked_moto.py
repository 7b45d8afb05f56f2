"""
moto's server, four answers of which are made AWS'; suites that deploy a whole machine and database start it.

- Canonical's public parameter that names their image is there, and names an image of moto's: `aws-instance` asks for it
  where nobody gives an image, and no client may write below `/aws`.
- An interface without a public address tells no association with one. moto tells an empty one, which the provider takes
  for an address.
- A machine has the security groups of its first interface. moto tells none where they were given to the interface.
- A parameter of a group that somebody set says so. moto does not say who did, and the provider leaves it out.
"""

import sys
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.rds.models import DBParameterGroup
from moto.server import main
from moto.ssm.models import Parameter, ssm_backends

ACCOUNT, REGION = "123456789012", "eu-central-1"
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"

_association = NetworkInterface.association.fget
_prep_nics = Instance.prep_nics
_update_parameters = DBParameterGroup.update_parameters


def name_an_image() -> None:
    """Put the parameter into the one region that the example is deployed to."""
    image = next(iter(ec2_backends[ACCOUNT][REGION].describe_images())).id
    found = Parameter(
        ACCOUNT,
        UBUNTU,
        image,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=datetime.now(UTC),
        version=1,
        data_type="aws:ec2:image",
    )
    ssm_backends[ACCOUNT][REGION]._parameters[UBUNTU] = [found]


def association(interface: NetworkInterface) -> Any:
    """Return with which public address it is associated; None if with none."""
    return _association(interface) or None


def prep_nics(instance: Instance, *given: Any, **named: Any) -> None:
    """Make the interfaces of a machine, and give it the groups of the first."""
    _prep_nics(instance, *given, **named)
    instance.security_groups = instance.security_groups or list(instance.nics[0].group_set)


def update_parameters(group: DBParameterGroup, parameters: list[dict[str, Any]]) -> None:
    """Set parameters, as a user's."""
    _update_parameters(group, [{**one, "Source": "user"} for one in parameters])


if __name__ == "__main__":
    NetworkInterface.association = property(association)
    Instance.prep_nics = prep_nics
    DBParameterGroup.update_parameters = update_parameters
    name_an_image()
    main(sys.argv[1:])
