"""The example's documents: without fault, and showing what the README says they show."""

import re

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.bootstrap import open_engine
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.models import Manifest, Pattern, Primitive, ValidationRule, Workflow
from mcop_core.catalog.view import CatalogView
from mcop_core.compiler.checks import check_object
from mcop_core.compiler.compiler import compile_manifest
from mcop_core.errors import InvalidDocuments
from mcop_core.publishing.publisher import publish_folder
from mcop_core.refs import Kind, ObjectRef
from mcop_core.settings import Settings

from .conftest import CATALOG, MODULES, module_id

STAGING = ObjectRef(Kind.MANIFEST, "storefront-staging", "1.0.0")
PRODUCTION = ObjectRef(Kind.MANIFEST, "storefront-production", "1.0.0")


def of_kind(objects, model):
    return [item for item in objects.values() if isinstance(item, model)]


def test_every_document_can_be_read(sources):
    """No document has a fault of form."""
    assert [str(fault) for source in sources for fault in source.faults] == []


def test_every_object_agrees_with_the_others(objects, view):
    """Pins exist, inputs are the modules' own, references lead somewhere, values keep the rules."""
    assert [str(fault) for item in objects.values() for fault in check_object(item, view)] == []


def test_publishing_it_again_does_nothing(objects, tmp_path):
    """The whole example can be published at once, and a second time nothing is new."""
    repository, store = MemoryRepository(), LocalStore(tmp_path)

    def open_terraform(name):
        return open_engine(name, Settings())

    first = publish_folder(CATALOG, repository, store, open_terraform, lock=False)
    second = publish_folder(CATALOG, repository, store, open_terraform, lock=False)

    assert set(first.published) == set(objects)
    assert first.activated == {item.name: item.version for item in of_kind(objects, Manifest)}
    assert (second.published, second.revision) == ((), first.revision)


def test_each_file_is_named_after_its_one_object(sources):
    """`patterns/network.yaml` holds the object network."""
    assert [source.object.name for source in sources] == [
        re.sub(r".*/|\.yaml$", "", str(source.file)) for source in sources
    ]


def test_every_module_is_a_primitive_and_the_other_way_round(objects):
    """No module lies about unused, and no primitive lacks its files."""
    sources = {CATALOG / primitive.source for primitive in of_kind(objects, Primitive)}

    assert set(MODULES) == sources


def test_a_primitive_lies_under_its_own_name_and_version(objects):
    """The folder of a module says which primitive it is."""
    for primitive in of_kind(objects, Primitive):
        expected = f"templates/{primitive.primitive_type}/{primitive.provider}/{primitive.name}/{primitive.version}"
        assert expected == primitive.source


def test_the_storefront_is_large_enough_to_show_something(objects):
    """Its two workflows have at least four patterns and ten primitives; there are rules of all three kinds."""
    workflows = [named(objects, Workflow, name) for name in objects[STAGING].workflows]
    patterns = [named(objects, Pattern, use.pattern) for workflow in workflows for use in workflow.patterns.values()]

    assert len(workflows) == 2
    assert len(patterns) >= 4
    assert len({element.primitive for pattern in patterns for element in pattern.elements.values()}) >= 10
    assert {"enum", "regex", "string"} == {rule.type for rule in of_kind(objects, ValidationRule)}


def test_every_pattern_and_workflow_is_deployed_by_a_manifest(objects):
    """Nothing but primitives stands there for show; those have cases in `tests/cases/starter`."""
    patterns = {use.pattern for workflow in of_kind(objects, Workflow) for use in workflow.patterns.values()}
    workflows = {use.workflow for manifest in of_kind(objects, Manifest) for use in manifest.workflows.values()}

    assert {pattern.name for pattern in of_kind(objects, Pattern)} == patterns
    assert {workflow.name for workflow in of_kind(objects, Workflow)} == workflows


def test_staging_and_production_differ_only_in_configuration(objects):
    """Everything but name, description, approval and configuration is the same, and so are that one's names."""

    def rest(manifest):
        return {
            **manifest.document(),
            "name": "",
            "description": "",
            "approval": "",
            "configuration": sorted(manifest.configuration),
        }

    assert rest(objects[STAGING]) == rest(objects[PRODUCTION])


def test_names_in_the_cloud_are_made_of_the_environment(objects):
    """Staging and production live in one account, so what has a name there is named after its environment."""
    elements = [(name, element) for item in of_kind(objects, Pattern) for name, element in item.elements.items()]
    # An inline policy lives in its role, which is named so.
    unique = {name: element.inputs for name, element in elements if element.primitive != "role-policy"}
    names = {name: inputs.get("name", inputs.get("path", inputs.get("service"))) for name, inputs in unique.items()}

    assert {name: text for name, text in names.items() if "${environment}" not in text} == {}
    assert objects[STAGING].configuration["environment"] != objects[PRODUCTION].configuration["environment"]


@pytest.fixture(params=[STAGING, PRODUCTION], ids=str)
def steps(request, objects, view):
    """The steps of a compiled manifest, by id."""
    return {step.id: step for step in compile_manifest(objects[request.param], view).steps}


def test_references_reach_inside_and_across_patterns_and_workflows(steps):
    """The order of the steps follows from each of the three kinds of reference."""
    assert steps["platform.network.subnets"].after == ("platform.network.vpc",)
    assert steps["platform.logging.write_logs"].after == ("platform.identity.service_role", "platform.logging.logs")
    assert "platform.network.subnets" in steps["application.service.settings"].after


def test_a_list_is_passed_whole(objects, steps):
    """The ids of the subnets stay one list from the module that makes them to the one that stores them."""
    service = named(objects, Pattern, "service")

    assert given(objects, "service_subnet_ids") == "${platform.network.subnets.subnet_ids}"
    assert service.parameters["service_subnet_ids"].type == "list(string)"
    assert service.elements["settings"].inputs["lists"]["subnet_ids"] == "${service_subnet_ids}"
    assert steps["application.service.settings"].interface.inputs["lists"].type == "map(list(string))"


def test_a_sensitive_output_is_consumed_by_a_sensitive_input(objects, steps):
    """The password for mail is sensitive where it is made, where it passes, and where it ends."""
    assert given(objects, "smtp_password") == "${platform.identity.mailer.smtp_password}"
    assert steps["platform.identity.mailer"].interface.outputs["smtp_password"].sensitive
    assert named(objects, Pattern, "service").parameters["smtp_password"].sensitive
    assert steps["application.service.settings"].interface.inputs["secrets"].sensitive


def named(objects, model, name):
    return next(item for item in of_kind(objects, model) if item.name == name)


def given(objects, parameter):
    return named(objects, Workflow, "application").patterns["service"].inputs[parameter]


BROKEN = [
    ("environment", "test", "staging, production"),
    ("log_retention_days", 31, "7, 14, 30, 90, 365"),
    ("network_cidr", "8.8.8.0/24", "cidr_block"),
    ("network_cidr", "10.20.0.0/16\n", "cidr_block"),
    ("application", "Storefront", "application"),
    ("table_billing_mode", "PROVISIONED", "PAY_PER_REQUEST"),
]


@pytest.mark.parametrize(("name", "value", "told"), BROKEN)
def test_a_rule_refuses_what_it_is_there_for(objects, view, name, value, told):
    """Each rule of the example can fail, and its message says what would have been right."""
    staging = objects[STAGING]
    broken = staging.model_copy(update={"configuration": {**staging.configuration, name: value}})

    with pytest.raises(InvalidDocuments) as caught:
        compile_manifest(broken, CatalogView([*objects.values(), broken]))

    assert name in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("module", MODULES, ids=module_id)
def test_a_readme_lists_every_input_and_output(objects, module):
    """What a person reads of a module is what the catalog reads of it."""
    interface = next(item.interface for item in of_kind(objects, Primitive) if CATALOG / item.source == module)
    listed = re.findall(r"^\| `(\w+)` \|", (module / "README.md").read_text(), re.MULTILINE)

    assert [*interface.inputs, *interface.outputs] == listed
