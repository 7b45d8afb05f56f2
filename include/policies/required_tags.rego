# Every resource that is created and can have tags has those of its namespace.
#
# A resource can have tags if its preview shows `tags` or `tags_all`. A tag counts when it has a value, also one
# that is only known after apply. Tags that are unknown as a whole are warned of, since nobody can tell.

package required_tags

# Namespace -> tags; "*" is for every namespace that is not listed. Edit this.
required := {"*": {"application", "environment"}}

wanted := object.get(required, input.execution.namespace, required["*"])

deny contains message if {
	some change in created
	not tags_are_open(change)
	some tag in wanted - tags(change)
	message := sprintf("%s: the tag %s is missing", [change.address, tag])
}

warn contains message if {
	some change in created
	tags_are_open(change)
	message := sprintf("%s: its tags are only known after apply", [change.address])
}

created := [change |
	some component in input.preview.components
	some change in component.resources
	change.action in {"create", "replace"}
	can_have_tags(change)
]

can_have_tags(change) if {
	some attribute in change.attributes
	some name in {"tags", "tags_all"}
	is_or_is_in(attribute.path, name)
}

is_or_is_in(path, name) if path == name

is_or_is_in(path, name) if startswith(path, concat("", [name, "."]))

# Whether the tags themselves, not only those that the provider adds, are unknown or hidden as a whole.
tags_are_open(change) if {
	some attribute in change.attributes
	attribute.path == "tags"
	has_no_text(attribute)
}

has_no_text(attribute) if attribute.is_unknown

has_no_text(attribute) if attribute.is_sensitive

tags(change) := {name |
	some attribute in change.attributes
	some kind in {"tags.", "tags_all."}
	startswith(attribute.path, kind)
	name := substring(attribute.path, count(kind), -1)
	has_value(attribute)
}

has_value(attribute) if has_no_text(attribute)

has_value(attribute) if {
	is_string(attribute.after)
	trim_space(attribute.after) != ""
}
