"""What a reviewer would want better in a module, and what nobody would."""

import pytest

from mcop_core.engines.terraform.lint import Rule, lint
from mcop_core.errors import InvalidDocuments

GOOD = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}
variable "open" {
  type        = bool
  description = "Whether it is open."
  default     = false
}
variable "tags" {
  type        = map(string)
  description = "Of everything."
  default     = {}
}
resource "aws_db_instance" "this" {
  publicly_accessible = var.open
  tags                = merge(var.tags, { Name = "db" })
}
resource "aws_security_group" "this" {
  tags = local.tags
  egress {
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    cidr_blocks = ["10.0.0.0/8"]
  }
}
output "id" {
  description = "Of the database."
  value       = aws_db_instance.this.id
}
"""


def remarks(text, **files):
    found = lint({"main.tf": text.encode(), **{name: body.encode() for name, body in files.items()}})
    return [(remark.line, remark.rule, remark.message) for remark in found]


def said(text):
    return [(rule, message) for _, rule, message in remarks(text)]


def test_a_module_as_it_should_be_has_no_remarks():
    """What goes out may go everywhere; tags of a local are somebody's who thought of it."""
    assert remarks(GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "rule", "words"),
    [
        ('  description = "Of everything."\n', "", Rule.DESCRIPTION, "the input tags has no description"),
        ('description = "Of the database."', 'description = ""', Rule.DESCRIPTION, "the output id has no"),
        ("  type        = bool\n", "", Rule.TYPE, "the input open has no type"),
        ('      version = "~> 5.0"\n', "", Rule.VERSION, "the provider aws is taken in any version"),
        ("    aws = {", "    random = {", Rule.VERSION, "the provider aws is not in required_providers"),
        ("publicly_accessible = var.open", "name = 1", Rule.UNUSED, "the input open is declared and nothing uses it"),
        ("merge(var.tags, {", "merge({}, {", Rule.TAGS, "aws_db_instance.this has tags of its own"),
        ("= var.open", "= true", Rule.PUBLIC, "publicly_accessible of aws_db_instance.this opens it to everybody"),
        ("default     = false", "default     = true", Rule.PUBLIC, "the default of open opens publicly_accessible of"),
        ('["10.0.0.0/8"]', '["10.0.0.0/8", "0.0.0.0/0"]', Rule.PUBLIC, "cidr_blocks of aws_security_group.this opens"),
    ],
)
def test_each_rule_tells_its_place(before, after, rule, words):
    """By line; the same text in its other form is no remark."""
    assert GOOD.count(before) == 1
    found = [one for one in remarks(GOOD.replace(before, after)) if one[1] is rule]

    assert len(found) == 1 and words in found[0][2] and found[0][0] > 0


@pytest.mark.parametrize(
    "resource",
    [
        'resource "aws_s3_bucket_acl" "a" {\n  acl = "public-read"\n}',
        'resource "aws_s3_bucket_public_access_block" "a" {\n  block_public_acls = false\n}',
        'resource "aws_subnet" "a" {\n  map_public_ip_on_launch = true\n}',
        'resource "aws_vpc_security_group_ingress_rule" "a" {\n  cidr_ipv6 = "::/0"\n}',
        'resource "aws_security_group_rule" "a" {\n  type = "ingress"\n  cidr_blocks = ["0.0.0.0/0"]\n}',
        'resource "aws_eks_cluster" "a" {\n  vpc_config {\n    endpoint_public_access = true\n  }\n}',
        'resource "azurerm_storage_account" "a" {\n  allow_nested_items_to_be_public = true\n}',
        'resource "azurerm_network_security_rule" "a" {\n  direction = "Inbound"\n  source_address_prefix = "*"\n}',
        'resource "google_compute_firewall" "a" {\n  source_ranges = ["0.0.0.0/0"]\n}',
        'resource "google_storage_bucket_iam_member" "a" {\n  member = "allUsers"\n}',
    ],
)
def test_what_is_open_to_everybody_is_told_for_every_cloud(resource):
    """In a block of a resource, too."""
    assert [rule for rule, _ in said(resource) if rule is Rule.PUBLIC] == [Rule.PUBLIC]


@pytest.mark.parametrize(
    "resource",
    [
        'resource "aws_security_group_rule" "a" {\n  type = "egress"\n  cidr_blocks = ["0.0.0.0/0"]\n}',
        'resource "aws_vpc_security_group_egress_rule" "a" {\n  cidr_ipv4 = "0.0.0.0/0"\n}',
        'resource "google_compute_firewall" "a" {\n  direction = "EGRESS"\n  source_ranges = ["0.0.0.0/0"]\n}',
        'resource "aws_route" "a" {\n  destination_cidr_block = "0.0.0.0/0"\n}',
        'resource "aws_s3_bucket_acl" "a" {\n  acl = "private"\n}',
        'resource "aws_subnet" "a" {\n  map_public_ip_on_launch = local.public\n}',
    ],
)
def test_what_is_not_open_or_cannot_be_told_is_not(resource):
    """Going out is no opening, nor is a route; an expression is not guessed at."""
    assert [rule for rule, _ in said(resource) if rule is Rule.PUBLIC] == []


def test_only_the_modules_own_folder_is_looked_at():
    """Modules that it calls, examples and tests are somebody else's."""
    assert (
        remarks(GOOD, **{"examples/main.tf": 'variable "x" {}', "tests/a.tftest.hcl": "variables {\n  a = 1\n}"}) == []
    )
    assert [line for line, _, _ in remarks(GOOD, **{"more.tf": 'variable "x" {}'})] == [1, 1, 1]


def test_a_file_that_cannot_be_read_is_a_fault():
    """With its line."""
    with pytest.raises(InvalidDocuments) as caught:
        lint({"main.tf": b'variable "x" {\n  type = \n}\n'})
    assert caught.value.faults[0].file == "main.tf" and caught.value.faults[0].line
