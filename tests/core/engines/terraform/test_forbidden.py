"""What a module may not hold: found wherever Terraform would find it, and nowhere else."""

import random

import pytest

from mcop_core.engines.terraform.forbidden import Rule, find_forbidden, find_foreign_providers
from mcop_core.engines.terraform.outline import outline_file
from mcop_core.engines.terraform.syntax import parse_file
from mcop_core.errors import InvalidDocuments

HARMLESS = (
    '# provisioner "local-exec" { command = "x" }\n',
    '/* data "external" "x" {\n}\n*/\n',
    '// data "http" "x" {}\n',
    'locals {\n  text = <<-EOT\n    resource "a" "b" {\n      provisioner "local-exec" {}\n    }\n  EOT\n}\n',
    'locals {\n  script = <<EOF\n#!/bin/sh\necho "${var.name}" $$ $${HOME} %%{x}\nEOF\n  other = 1\n}\n',
    'locals {\n  text = "data \\"external\\" \\"x\\" { $${a} }"\n  map = { provisioner = { "local-exec" = "x" } }\n}\n',
    'resource "aws_instance" "x" {\n  dynamic "ebs_block_device" {\n    for_each = var.disks\n'
    "    iterator = provisioner\n    content {\n      size = provisioner.value\n    }\n  }\n}\n",
    'resource "kubernetes_thing" "x" {\n  spec {\n    provisioner {\n      external = "http"\n    }\n  }\n}\n',
    'variable "http" {\n  type = object({ external = string, provisioner = optional(map(string), {}) })\n}\n',
    'output "external" {\n  value = { for k, v in data.aws_ami.http : k => v if v != "${"}"}" }\n}\n',
    'data "aws_iam_policy_document" "external" {\n  statement {\n    actions = ["s3:*"]\n  }\n}\n',
    'data "http_things" "x" { url = "http://x" }\n',
    'locals {\n  policy = jsonencode({\n    Statement = [{ Action = "${var.a}:${{ a = "}" }.a}" }]\n  })\n}\n',
    'resource "aws_lb" "http" {\n  name = var.http ? "external" : (\n    "internal"\n  )\n}\n',
    "locals { a = 1 }\n",
)
FORBIDDEN = {
    'resource "a_b" "c" {\n  provisioner "local-exec" {\n    command = "x"\n  }\n}\n': Rule.PROVISIONER,
    'removed {\n  from = a_b.c\n  provisioner "local-exec" {\n    command = "x"\n  }\n}\n': Rule.PROVISIONER,
    'data "external" "x" {\n  program = ["x"]\n}\n': Rule.EXTERNAL_DATA,
    'data http x {\n  url = "http://x"\n}\n': Rule.HTTP_DATA,
    'check "x" {\n  data "terraform_remote_state" "x" {\n    backend = "s3"\n  }\n}\n': Rule.REMOTE_STATE,
    'action "local_command" "x" {\n}\n': Rule.LOCAL_COMMAND,
}


@pytest.mark.parametrize("seed", range(40))
def test_what_is_forbidden_is_found_between_anything(seed):
    """Each use with its rule, in order, however harmless code, comments and texts around it look like it."""
    chance = random.Random(seed)
    parts = [*chance.sample(HARMLESS, 8), *chance.choices(sorted(FORBIDDEN), k=3)]
    chance.shuffle(parts)
    ends = chance.choice(["\n", "\r\n"])
    text = "".join(parts).replace("\n", ends)

    found = find_forbidden({"main.tf": text.encode()})

    assert [FORBIDDEN[part] for part in parts if part in FORBIDDEN] == [finding.rule for finding in found]
    assert parse_file("main.tf", text.encode()), "the two readers agree"


def test_nothing_is_found_where_nothing_is():
    """In the manner of public modules: examples, tests and texts that only look like it."""
    files = {
        "main.tf": "".join(HARMLESS).encode(),
        "versions.tf": b'terraform {\n  required_version = ">= 1.5"\n}\n',
        "modules/a/main.tf": b'module "up" {\n  source = "../b"\n}\n',
        "modules/b/main.tf": b"locals {}\n",
        "calls.tf": b'module "a" {\n  source = "./modules/a"\n}\n',
        "examples/complete/main.tf": b'data "http" "ip" {\n  url = "http://x"\n}\n',
        "examples/complete/terraform.tfvars": b"",
        "tests/x.tftest.hcl": b'run "x" {\n  command = plan\n}\n',
        "wrappers/main.tf": b'module "x" {\n  source = "git::https://x"\n}\n',
        ".hidden.tf": b'data "external" "x" {}\n',
    }

    assert () == find_forbidden(files)


def test_a_module_that_is_called_is_looked_at():
    """However deep, and also one that calls back."""
    files = {
        "main.tf": b'module "a" {\n  source = "./a"\n}\n',
        "a/main.tf": b'module "b" {\n  source = "../b/"\n}\n',
        "b/main.tf": b'module "a" {\n  source = "./../a"\n}\ndata "external" "x" {}\n',
    }

    assert [("b/main.tf", 4)] == [(finding.file, finding.line) for finding in find_forbidden(files)]


@pytest.mark.parametrize("source", ["git::https://x", "/etc", "../x", "hashicorp/consul/aws", "./a/../../x", ".."])
def test_a_module_from_elsewhere_cannot_be_looked_at(source):
    """Nor does it pass: whoever asks is told where it is called."""
    with pytest.raises(InvalidDocuments, match=r"main.tf:1: module 'x' is not among"):
        find_forbidden({"main.tf": f'module "x" {{ source = "{source}" }}'.encode()})


@pytest.mark.parametrize(
    "text",
    [
        "a {\n  b = 1",
        "a { b = (1 }",
        'a { b = "x\ny" }',
        'a { b = "${" }',
        "a {\n  b = <<EOT\nEOT",
        "a {\n  b = <<EO\u0301T\nx\nEO\u0301T\n}\n",
        "a { b = /* }",
        "}",
        "a = 1",
        "a {\n  b = 1\n  b = 2\n}\n",
        "a b\n{\n}\n",
        "a {\r  b = 1\r}",
    ],
)
def test_what_terraform_cannot_read_is_no_structure(text):
    """It is refused with its line, and not taken for something harmless."""
    with pytest.raises(InvalidDocuments, match=r"main.tf:\d"):
        outline_file("main.tf", text.encode())


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("hashicorp/aws", "hashicorp/*"),
        ("aws", "hashicorp/*"),
        ("registry.terraform.io/hashicorp/aws", "hashicorp/aws"),
        ("registry.opentofu.org/hashicorp/aws", "stranger/x, hashicorp/aws"),
        ("hashicorp/aws", "registry.terraform.io/hashicorp/*"),
        ("example.org/a/b", "example.org/a/*"),
        ("terraform.io/builtin/terraform", ""),
    ],
)
def test_a_provider_is_one_of_those_allowed(source, allowed):
    """The hosts of the public registries may be left out."""
    assert () == find_foreign_providers([source], allowed)


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("hashicorp/aws", ""),
        ("example.org/hashicorp/aws", "hashicorp/*"),
        ("a/b", "hashicorp/*"),
        ("hashicorp2/aws", "hashicorp/*"),
        ("registry.terraform.io.evil/hashicorp/aws", "hashicorp/*"),
        ("hashicorp/aws2", "hashicorp/aws"),
    ],
)
def test_any_other_provider_is_not(source, allowed):
    """Another host serves another provider, whatever it is called."""
    (found,) = find_foreign_providers([source], allowed)

    assert source in found.message and "MCOP_TERRAFORM_PROVIDERS" in found.message
