"""What serving an adapter takes, with the real Terraform and the packages of this machine."""

import os

import pytest

from mcop_core.catalog.models import Adapter, AdapterSettings
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.tool import Tool, identify
from mcop_core.settings import Settings

pytestmark = pytest.mark.terraform


def adapter(source="", **settings):
    settings = AdapterSettings(source=source, **settings)
    return Adapter(
        name="a", version="1.0.0", provider="own", primitive_type="terraform", engine="terraform", settings=settings
    )


def needs(item, environment=None, **settings):
    base = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GOOGLE_", "CLOUDSDK_"))}
    engine = TerraformEngine(Settings(**settings), {**base, **(environment or {})})
    return [(need.what, need.found, need.detail) for need in engine.needs(item)]


def test_what_is_there_is_told_with_its_version():
    """The program, and the provider as publishing would lock it; of credentials the names alone."""
    program, provider, credentials = needs(
        adapter("hashicorp/aws", version="~> 5.0"), {"AWS_PROFILE": "shop", "AWS_SECRET_ACCESS_KEY": "canary"}
    )

    assert program[:2] == ("program terraform", True)
    assert program[2] == identify("terraform", os.environ).title
    assert provider[:2] == ("provider hashicorp/aws ~> 5.0", True) and provider[2].startswith("5.")
    assert credentials == ("credentials, AWS_*", True, "AWS_PROFILE, AWS_SECRET_ACCESS_KEY")


def test_what_is_not_there_is_told_with_the_reason():
    """A program that cannot be started, a provider that nobody has, one that is not allowed."""
    assert needs(adapter(), terraform="/no/such/terraform")[0][1] is False
    none = needs(adapter("hashicorp/aws", version="= 0.0.1"))[1]
    assert none[1] is False and "0.0.1" in none[2] and "terraform providers" not in none[2]
    foreign = needs(adapter("somebody/else"))[1]
    assert foreign[1] is False and "MCOP_TERRAFORM_PROVIDERS" in foreign[2]


def test_the_program_is_the_one_that_the_adapter_asks_for():
    """Another tool, or a version that it does not allow, is told as missing."""
    here = identify("terraform", os.environ)
    tool = next(tool for tool in Tool if tool != here.tool)
    ranged, other = adapter(tool_version="~> 0.1"), adapter(tool=tool)

    assert needs(ranged)[0][:2] == ("program terraform ~> 0.1", False)
    assert "settings.tool_version allows ~> 0.1" in needs(ranged)[0][2]
    both = {"terraform": "terraform", "opentofu": "terraform"}
    assert needs(other, **both)[0][1] is False and here.title in needs(other, **both)[0][2]
    assert needs(adapter(tool=here.tool), **both)[0][1] is True


def test_credentials_may_come_from_elsewhere():
    """An adapter names its own variables; where none is set nothing can be told."""
    named = adapter(environment=["OCI_*", "HOME_REGION"])
    assert needs(named)[-1][:2] == ("credentials, OCI_* or HOME_REGION", None)
    assert needs(named, {"OCI_REGION": "x", "OCID": "y", "HOME_REGION": "z"})[-1][2] == "HOME_REGION, OCI_REGION"
    assert len(needs(adapter())) == 1
