"""Provider configuration as variables, and the tags by which resources are found again."""

import pytest

from mcop_core.engines.terraform.provider_block import ProviderName, address_tag, configure_provider, split_source

ADDRESS = ("shop", "shop-prod", "base", "net", "vpc")
RANDOM = ProviderName("random", ("", "hashicorp", "random"))
AWS = ProviderName("aws", ("", "hashicorp", "aws"))


def configured(configuration, name=RANDOM, taken=()):
    result, problems = configure_provider(name, configuration, ADDRESS, set(taken))
    assert problems == []
    return result


def test_every_leaf_is_a_variable():
    """Blocks keep their shape; what stands in them are references."""
    result = configured({"a": 1, "b": {"c": "x", "d": {"e": None}}, "f": [{"g": True}, {"g": False}], "h": [1, 2]})

    assert result.block == {
        "random": {
            "a": "${var.provider_a}",
            "b": {"c": "${var.provider_b_c}", "d": {"e": "${var.provider_b_d_e}"}},
            "f": [{"g": "${var.provider_f_0_g}"}, {"g": "${var.provider_f_1_g}"}],
            "h": "${var.provider_h}",
        }
    }
    assert result.values == {
        "provider_a": 1,
        "provider_b_c": "x",
        "provider_b_d_e": None,
        "provider_f_0_g": True,
        "provider_f_1_g": False,
        "provider_h": [1, 2],
    }
    assert set(result.variables) == set(result.values)


def test_an_empty_block_is_one():
    """`features {}` of Azure's provider must be there, and is no value."""
    result = configured({"features": {}, "nested": {"inner": {}}})

    assert result.block == {"random": {"features": {}, "nested": {"inner": {}}}}
    assert result.values == {}


@pytest.mark.parametrize("key", ["${x}", "a b", "A", "mcop:address", 'a"', ""])
def test_a_map_of_other_keys_is_one_variable(key):
    """A key that is no argument name is data too."""
    result = configured({"tags": {key: "x", "plain": "y"}})

    assert result.block == {"random": {"tags": "${var.provider_tags}"}}
    assert result.values == {"provider_tags": {key: "x", "plain": "y"}}


def test_no_two_leaves_share_a_variable():
    """Paths that read alike are told apart."""
    result = configured({"a": {"b": 1}, "a_b": 2})

    assert sorted(result.values.values()) == [1, 2]


@pytest.mark.parametrize("taken", [{"provider_region"}, {"provider_x", "mcop_provider_y"}])
def test_no_variable_has_an_inputs_name(taken):
    """The module's inputs keep their names."""
    assert not set(configured({"region": "x"}, taken=taken).values) & taken


@pytest.mark.parametrize("key", ["alias", "version", "for_each", "a b", "${x}", "Region"])
def test_what_is_no_argument_is_refused(key):
    """Names that Terraform reads literally, or that are none, are no configuration."""
    assert configure_provider(RANDOM, {key: "x"}, ADDRESS, set())[1] != []


@pytest.mark.parametrize("given", [None, {}, {"tags": None}, {"tags": {"team": "x"}}, [{"tags": {"team": "x"}}]])
def test_aws_resources_carry_their_address(given):
    """The tags of MCOP join what the adapter configured."""
    result = configured({"default_tags": given} if given is not None else {}, AWS)
    (tags,) = result.values.values()

    assert tags.items() >= {"mcop:manifest": "shop/shop-prod", "mcop:address": "shop/shop-prod/base/net/vpc"}.items()
    assert ("team" in tags) == ("team" in str(given))


@pytest.mark.parametrize("given", [1, "x", [1], [{}, {}], {"tags": ["x"]}, {"tags": {}, "other": 1}])
def test_default_tags_of_another_shape_are_refused(given):
    """The provider would refuse them; MCOP says it before anything runs."""
    assert configure_provider(AWS, {"default_tags": given}, ADDRESS, set())[1] != []


def test_mcops_own_tags_win():
    """An adapter cannot make a resource look like another element's."""
    (tags,) = configured({"default_tags": {"tags": {"mcop:address": "x"}}}, AWS).values.values()

    assert tags["mcop:address"] == "shop/shop-prod/base/net/vpc"


def test_a_long_address_is_cut_but_unique():
    """A tag's value has 256 characters; addresses that start alike differ in their digest."""
    tags = {address_tag(("n" * 63, "m" * 63, "w" * 63, "p" * 63, element)) for element in ("a", "b")}

    assert {len(tag) for tag in tags} == {256}
    assert len(tags) == 2


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("aws", ("", "hashicorp", "aws")),
        ("Hashicorp/AWS", ("", "hashicorp", "aws")),
        ("registry.terraform.io/hashicorp/aws", ("registry.terraform.io", "hashicorp", "aws")),
    ],
)
def test_a_source_has_three_parts(source, parts):
    """Short forms mean what Terraform means by them."""
    assert split_source(source) == parts
