"""Unmodified modules: their variables, outputs and providers, and what they may not carry."""

import json

import pytest

from mcop_core.catalog.models import Input, Output, ProviderRequirement
from mcop_core.engines.terraform.module_interface import read_interface
from mcop_core.errors import InvalidDocuments


def interface_of(**files):
    return read_interface({name.replace("__", "/") + ".tf": text.encode() for name, text in files.items()})


def faults_of(files):
    with pytest.raises(InvalidDocuments) as caught:
        read_interface({path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()})
    return [(fault.file, fault.line, fault.message) for fault in caught.value.faults]


def variable(body):
    return interface_of(main=f'variable "v" {{\n{body}\n}}\n').inputs["v"]


TYPES = {
    "string": "string",
    '"string"': "string",
    '"list"': "list(any)",
    '"map"': "map(any)",
    "any": "any",
    "map(list(number))": "map(list(number))",
    "tuple([string, bool])": "tuple([string, bool])",
    "object({\n a = string # what it is\n // more\n b = optional(number, 3)\n})": (
        "object({a = string, b = optional(number, 3)})"
    ),
    'list(object({ x = optional(map(string), { k = "v" }), /* y */ }))': (
        'list(object({x = optional(map(string), {k = "v"})}))'
    ),
}


TYPES["object({\n x = optional(string, <<EOT\n a\nEOT\n)\n})"] = "any"


@pytest.mark.parametrize(("written", "read"), TYPES.items(), ids=range(len(TYPES)))
def test_a_type_is_one_line(written, read):
    """Comments and line breaks go; what Terraform reads stays; its oldest forms become today's."""
    assert variable(f"type = {written}").type == read


DEFAULTS = {
    "null": None,
    '""': "",
    '"plain"': "plain",
    r'"a\"b\\c\n\t\r\u00e9\U0001F980"': 'a"b\\c\n\t\ré🦀',
    '"$${x} %%{y}"': "${x} %{y}",
    "12": 12,
    "-0.5": -0.5,
    "1e3": 1000,
    "123456789012345678901234567890": 123456789012345678901234567890,
    "true": True,
    "[]": [],
    "{}": {},
    '{ a = 1, "b c" = [true, null], "d" : { e = "f" } }': {"a": 1, "b c": [True, None], "d": {"e": "f"}},
    '[\n  "a", # one\n  "b",\n]': ["a", "b"],
    '<<EOT\nline $${x} \\n "q"\n\n  two\nEOT': 'line ${x} \\n "q"\n\n  two\n',
    "<<-EOT\n    a\n      b\n\n    c\n  EOT": "a\n  b\n\nc\n",
    "<<EOT\nEOT": "",
}


@pytest.mark.parametrize(("written", "read"), DEFAULTS.items(), ids=range(len(DEFAULTS)))
def test_a_literal_default_is_its_json(written, read):
    """What is written without an expression is known at publish."""
    found = variable(f"default = {written}")

    assert (found.required, found.default) == (False, read)
    assert type(found.default) is type(read)


@pytest.mark.parametrize("written", ['"a ${"b"}"', '"%{ if true }x%{ endif }"', "1 + 2", "{ (1 + 1) = 2 }", "[1 + 1]"])
def test_a_default_that_is_an_expression_is_left_to_terraform(written):
    """The input is not required, and its default not known here."""
    found = variable(f"default = {written}")

    assert (found.required, found.default) == (False, None)


def test_every_field_of_a_variable_is_read():
    """Without a default it is required; validations are Terraform's own."""
    assert variable(
        """
        type        = string
        description = "What it is: \\"x\\""
        sensitive   = true
        nullable    = false
        ephemeral   = true
        validation {
          condition     = length(var.v) > 3
          error_message = "Too short: ${var.v}."
        }
        """
    ) == Input(
        type="string", description='What it is: "x"', required=True, sensitive=True, nullable=False, ephemeral=True
    )
    assert interface_of(main='variable "v" {}').inputs["v"] == Input(required=True)


def test_outputs_are_those_a_root_can_return():
    """Ephemeral ones are not; names may have dashes."""
    text = """
    output "id" { value = 1 }
    output "pass-word" {
      value       = "x"
      sensitive   = true
      description = <<-EOT
        Two
        lines
      EOT
    }
    output "once" {
      value     = 1
      ephemeral = true
    }
    """

    assert interface_of(main=text).outputs == {
        "id": Output(),
        "pass-word": Output(sensitive=True, description="Two\nlines\n"),
    }


def test_json_says_the_same():
    """A `.tf.json` file is read as Terraform reads it: strings of these blocks are literal."""
    document = {
        "//": "a comment",
        "terraform": [{"required_version": ">= 1.5"}, {"required_providers": {"aws": {"source": "hashicorp/aws"}}}],
        "variable": {
            "texts": {"type": "map(string)", "default": {"a": "${x}"}, "description": "d", "sensitive": True},
            "n": [{"type": "number", "nullable": "false"}],
        },
        "output": {"o": {"value": "${var.n}", "sensitive": True}},
        "resource": {"random_id": {"x": {"byte_length": 2}}, "aws_vpc": {"y": [{"provider": "${aws.other}"}]}},
        "module": {"m": {"source": "./nested"}},
    }
    files = {"main.tf.json": json.dumps(document, indent=1).encode(), "nested/x.tf.json": b"{}"}
    found = read_interface(files)

    assert found.inputs == {
        "texts": Input(type="map(string)", default={"a": "${x}"}, description="d", sensitive=True),
        "n": Input(type="number", required=True, nullable=False),
    }
    assert found.outputs == {"o": Output(sensitive=True)}
    assert {name: entry.source for name, entry in found.providers.items()} == {
        "aws": "hashicorp/aws",
        "random": "hashicorp/random",
    }
    assert found.required_version == ">= 1.5"


def test_providers_are_all_that_a_run_needs():
    """Declared in any form, implied by a resource, in the root or in a module it calls; never the built-in one."""
    found = interface_of(
        main="""
        terraform {
          required_version = ">= 1.3"
          required_providers {
            aws    = { source = "hashicorp/aws", version = ">= 5.0" }
            old    = "~> 2.0"
            short  = { source = "random" }
            tf     = { source = "terraform.io/builtin/terraform" }
            google = { source = "example.org/acme/google" }
          }
        }
        resource "terraform_data" "x" {}
        data "archive_file" "x" {}
        resource "google_thing" "x" { provider = google.west }
        module "a" { source = "./modules/a" }
        """,
        modules__a__main="""
        terraform {
          required_version = ">= 1.4"
          required_providers {
            amazon = { source = "Hashicorp/aws", version = "!= 5.3.0" }
            google = { source = "hashicorp/google" }
          }
        }
        module "b" { source = "../b/" }
        """,
        modules__b__main='resource "tls_private_key" "x" {}\nmodule "again" {\n  source = "../../modules/a"\n}\n',
        modules__unused__main='resource "azurerm_thing" "x" {}',
    )

    assert found.providers == {
        "aws": ProviderRequirement(source="hashicorp/aws", version=">= 5.0, != 5.3.0"),
        "old": ProviderRequirement(source="hashicorp/old", version="~> 2.0"),
        "short": ProviderRequirement(source="hashicorp/random"),
        "google": ProviderRequirement(source="example.org/acme/google"),
        "archive": ProviderRequirement(source="hashicorp/archive"),
        "hashicorp-google": ProviderRequirement(source="hashicorp/google"),
        "tls": ProviderRequirement(source="hashicorp/tls"),
    }
    assert found.required_version == ">= 1.3"


def test_inputs_are_those_of_the_root():
    """Nested modules, examples and files Terraform does not read add nothing."""
    files = {
        "main.tf": b'variable "a" {}\nmodule "x" {\n  source = "./modules/x"\n}\n',
        "modules/x/main.tf": b'variable "b" {}\n',
        "examples/y/main.tf": b'variable "c" {}\nprovider "aws" {}\n',
        ".hidden.tf": b'variable "d" {}\n',
        "main.tf~": b'variable "e" {}\n',
        "README.md": b'variable "f" {}\n',
        "broken/not-called.tf": b"}}}",
    }

    assert set(read_interface(files).inputs) == {"a"}


def test_override_files_are_merged():
    """As Terraform does: attribute by attribute, and no second declaration."""
    found = interface_of(
        variables='variable "a" {\n  type = string\n  default = "x"\n}\n',
        main_override='variable "a" {\n  default = "y"\n}\n',
        override='variable "a" {\n  sensitive = true\n}\n',
    )

    assert found.inputs == {"a": Input(type="string", default="y", sensitive=True)}


def test_a_module_with_hundreds_of_variables():
    """Large modules are read whole."""
    body = "".join(
        f'variable "v{number}" {{\n  description = "Number {number}"\n'
        f"  type = list(object({{ a = string, b = optional(number, {number}) }}))\n"
        f'  default = [{{ a = "x", b = {number} }}]\n}}\n'
        for number in range(400)
    )
    found = interface_of(main=body)

    assert len(found.inputs) == 400
    assert found.inputs["v399"].default == [{"a": "x", "b": 399}]


def test_windows_line_ends_and_a_byte_order_mark_are_no_matter():
    """Files from other editors are read alike."""
    text = '\ufeffvariable "v" {\n  default = <<-EOT\n    a\n    b\n  EOT\n}\n'

    assert read_interface({"main.tf": text.replace("\n", "\r\n").encode()}).inputs["v"].default == "a\nb\n"


FAULTS = {
    "syntax": ({"a.tf": 'variable "a" {\n  type = \n}\n'}, [("a.tf", 2, "syntax is wrong")]),
    "not closed": ({"a.tf": 'variable "a" {\n  type = string\n'}, [("a.tf", 3, "ends too early")]),
    "attribute outside": ({"a.tf": "\nx = 1\n"}, [("a.tf", 2, "'x' stands outside")]),
    "attribute twice": ({"a.tf": 'variable "a" {\n  type = any\n  type = any\n}\n'}, [("a.tf", 3, "set twice")]),
    "no text": ({"a.tf": b"# x\n\xff\n"}, [("a.tf", 2, "no UTF-8")]),
    "no JSON": ({"a.tf.json": '{\n"variable": }'}, [("a.tf.json", 2, "no JSON")]),
    "JSON key twice": ({"a.tf.json": '{"variable": {"a": {},\n"a": {}}}'}, [("a.tf.json", 2, "'a' is set twice")]),
    "JSON of another shape": ({"a.tf.json": '{"variable":\n {"a": 1}}'}, [("a.tf.json", 2, "must be an object")]),
    "JSON no object": ({"a.tf.json": "[1]"}, [("a.tf.json", 1, "must be an object")]),
    "deep JSON": ({"a.tf.json": "[" * 100_000}, [("a.tf.json", 0, "nested too deeply")]),
    "deep type": (
        {"a.tf": 'variable "a" {\n  type = ' + "list(" * 3000 + "any" + ")" * 3000 + "\n}\n"},
        [("a.tf", 2, "nested too deeply")],
    ),
    "variable twice": (
        {"a.tf": 'variable "a" {}\n', "b.tf": '\nvariable "a" {}\n'},
        [("b.tf", 2, "'a' is declared in a.tf:1 already")],
    ),
    "output twice": ({"a.tf": 'output "o" {}\noutput "o" {}\n'}, [("a.tf", 2, "a.tf:1 already")]),
    "a reserved name": ({"a.tf": 'variable "count" {}\n'}, [("a.tf", 1, "Terraform reserves")]),
    "no name": ({"a.tf": 'variable "a b" {}\n'}, [("a.tf", 1, "is no name")]),
    "no type": ({"a.tf": 'variable "a" {\n  type = 1\n}\n'}, [("a.tf", 2, "type of variable 'a' is none")]),
    "provider": ({"a.tf": '# x\nprovider "aws" {\n}\n'}, [("a.tf", 2, "provider block 'aws'")]),
    "backend": ({"a.tf": 'terraform {\n  backend "s3" {}\n}\n'}, [("a.tf", 2, "backend block")]),
    "backend in JSON": ({"a.tf.json": '{"terraform":\n{"backend": {"s3": {}}}}'}, [("a.tf.json", 2, "backend block")]),
    "cloud": ({"a.tf": "terraform {\n  cloud {}\n}\n"}, [("a.tf", 2, "cloud block")]),
    "nested provider": (
        {"a.tf": 'module "m" {\n  source = "./m"\n}\n', "m/x.tf": 'provider "aws" {}\n'},
        [("m/x.tf", 1, "provider block")],
    ),
    "aliases": (
        {"a.tf": "terraform {\n  required_providers {\n    aws = { configuration_aliases = [aws.x] }\n  }\n}\n"},
        [("a.tf", 3, "configuration_aliases")],
    ),
    "provider twice": (
        {
            "a.tf": "terraform {\n" + '  required_providers {\n    aws = "1"\n  }\n' * 2 + "}\n",
        },
        [("a.tf", 6, "required twice")],
    ),
    "a computed provider": (
        {"a.tf": "terraform {\n  required_providers {\n    aws = { source = local.x }\n  }\n}\n"},
        [("a.tf", 3, "no plain source")],
    ),
    "a registry module": (
        {"a.tf": 'module "m" {\n  source = "terraform-aws-modules/vpc/aws"\n}\n'},
        [("a.tf", 1, "only a folder of the primitive's own files")],
    ),
    "a module outside": ({"a.tf": 'module "m" {\n  source = "../m"\n}\n'}, [("a.tf", 1, "own files")]),
    "a computed module": ({"a.tf": 'module "m" {\n  source = "./${var.x}"\n}\n'}, [("a.tf", 1, "no plain text")]),
    "a missing module": ({"a.tf": 'module "m" {\n  source = "./m"\n}\n'}, [("a.tf", 1, "no such folder")]),
    "nothing": ({"README.md": ""}, [("", 0, "no .tf or .tf.json file")]),
    "all at once": (
        {"a.tf": 'provider "x" {}\nvariable "a" {}\nvariable "a" {}\n', "b.tf": "}"},
        [("a.tf", 1, "provider block"), ("a.tf", 3, "already"), ("b.tf", 1, "syntax is wrong")],
    ),
}


@pytest.mark.parametrize(("files", "expected"), FAULTS.values(), ids=FAULTS)
def test_a_fault_has_file_and_line(files, expected):
    """What is wrong is said where it stands, all of it at once."""
    found = faults_of(files)

    assert [(file, line) for file, line, _ in found] == [(file, line) for file, line, _ in expected]
    for (_, _, said), (_, _, wanted) in zip(found, expected, strict=True):
        assert wanted in said
