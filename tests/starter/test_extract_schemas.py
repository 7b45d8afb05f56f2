"""What is read of a prebuilt binding: names, what must be set, types, blocks, and what a provider computes."""

import json
import tarfile

import pytest

from tests.starter.extract_schemas import extract, write

DECLARATIONS = """
export interface LittleThingConfig extends cdktf.TerraformMetaArguments {
    /**
    * Docs at Terraform Registry: {@link https://example.org/docs/little_thing#id LittleThing#id}
    *
    * Please be aware that the id field is automatically added to all resources in Terraform providers.
    */
    readonly id?: string;
    /**
    * Docs: {@link https://example.org/docs/little_thing#ip_v4_range LittleThing#ip_v4_range}
    */
    readonly ipV4Range: string;
    /**
    * Docs: {@link https://example.org/docs/little_thing#tags LittleThing#tags}
    */
    readonly tags?: {
        [key: string]: string;
    };
    /**
    * part block
    *
    * Docs: {@link https://example.org/docs/little_thing#part LittleThing#part}
    */
    readonly part: LittleThingPart[] | cdktf.IResolvable;
    /**
    * Docs: {@link https://example.org/docs/little_thing#settings LittleThing#settings}
    */
    readonly settings?: LittleThingSettings;
}
export interface LittleThingPart {
    /**
    * Docs: {@link https://example.org/docs/little_thing#is_on LittleThing#is_on}
    */
    readonly isOn?: boolean | cdktf.IResolvable;
}
export interface LittleThingSettings {
}
"""
CODE = """
class LittleThingPartOutputReference extends cdktf.ComplexObject {
    get isOn() {
        return this.getBooleanAttribute('is_on');
    }
    get partId() {
        return this.getStringAttribute('part_id');
    }
}
class LittleThingHostsOutputReference extends cdktf.ComplexObject {
    get port() {
        return this.getNumberAttribute('port');
    }
}
class LittleThing extends cdktf.TerraformResource {
    constructor(scope, id, config) {
        this._part = new LittleThingPartList(this, "part", false);
        this._hosts = new LittleThingHostsList(this, "hosts", false);
        this._allTags = new cdktf.StringMap(this, "all_tags");
    }
    get ipV4Range() {
        return this.getStringAttribute('ip_v4_range');
    }
}
LittleThing.tfResourceType = "little_thing";
"""
ABOUT = {
    "name": "@example/provider-little",
    "version": "3.2.1",
    "cdktf": {"provider": {"name": "registry.example.org/acme/little", "version": "1.4.0"}},
}
WANTED = {"resource": frozenset({"little_thing", "other_thing"}), "data": frozenset()}


@pytest.fixture
def package(tmp_path):
    """A packed binding of one resource."""
    files = {
        "package.json": json.dumps(ABOUT),
        "lib/thing/index.d.ts": DECLARATIONS,
        "lib/thing/index.js": CODE,
    }
    for name, text in files.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with tarfile.open(tmp_path / "little.tgz", "w:gz") as archive:
        archive.add(tmp_path / "package", "package")
    return tmp_path / "little.tgz"


def test_names_are_those_of_terraform_and_say_what_must_be_set(package):
    """Also where the binding's own names would not lead back to them."""
    found = extract(package, WANTED)

    assert (found["provider"], found["version"]) == ("acme/little", "1.4.0")
    assert found["package"] == "@example/provider-little 3.2.1"
    assert found["resource"] == {
        "little_thing": {
            "attributes": {
                "all_tags": {"type": "map(string)", "computed": True},
                "hosts": {
                    "type": "any",
                    "computed": True,
                    "holds": {"attributes": {"port": {"type": "number", "computed": True}}},
                },
                "id": {"type": "string", "computed": True},
                "ip_v4_range": {"type": "string", "required": True},
                "settings": {"type": "any"},
                "tags": {"type": "map(string)"},
            },
            "blocks": {
                "part": {
                    "attributes": {
                        "is_on": {"type": "bool"},
                        "part_id": {"type": "string", "computed": True},
                    },
                    "required": True,
                    "many": True,
                },
            },
        }
    }


def test_what_is_written_is_one_line_for_a_type(package, tmp_path):
    """And can be read again."""
    found = extract(package, WANTED)
    write(found, tmp_path / "little.json")

    assert json.loads((tmp_path / "little.json").read_text()) == found
    assert sum("little_thing" in line for line in (tmp_path / "little.json").read_text().splitlines()) == 1


def test_a_type_that_the_package_has_not_is_told(package):
    """Rather than left out, which would look as if nothing used it."""
    with pytest.raises(SystemExit, match=r"no resource little_thin$"):
        extract(package, {"resource": frozenset({"little_thin"}), "data": frozenset()})
