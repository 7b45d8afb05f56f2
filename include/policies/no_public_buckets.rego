# No bucket of S3 is opened to everybody.
#
# Denied: a public ACL, an access block with a flag that is false, a bucket policy that allows a principal "*".
# Warned of: such a policy under a condition, one that nobody can read before it is applied, a removed access block.
# An update shows what changes, not what stays: a bucket that was public before this policy came is not found by it.

package no_public_buckets

kept := {"create", "update", "replace"}

# -- access control lists

everybody := {
	"http://acs.amazonaws.com/groups/global/AllUsers",
	"http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
}

deny contains message if {
	some change in changes({"aws_s3_bucket_acl", "aws_s3_bucket"}, kept)
	some attribute in change.attributes
	attribute.path == "acl"
	is_public(attribute.after)
	message := sprintf("%s: the ACL %s opens the bucket", [change.address, attribute.after])
}

deny contains message if {
	some change in changes({"aws_s3_bucket_acl", "aws_s3_bucket"}, kept)
	some attribute in change.attributes
	attribute.after in everybody
	message := sprintf("%s: %s grants access to %s", [change.address, attribute.path, attribute.after])
}

is_public(acl) if acl == "authenticated-read"

is_public(acl) if {
	is_string(acl)
	startswith(acl, "public-")
}

# -- the block of public access

flags := {"block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"}

deny contains message if {
	some change in changes({"aws_s3_bucket_public_access_block"}, kept)
	some attribute in change.attributes
	attribute.path in flags
	attribute.after == false
	message := sprintf("%s: %s is false", [change.address, attribute.path])
}

warn contains message if {
	some change in changes({"aws_s3_bucket_public_access_block"}, {"destroy", "forget"})
	message := sprintf("%s: the block of public access goes", [change.address])
}

# -- bucket policies, which are JSON in a text

deny contains message if {
	some [address, statement] in open_statements
	not has_condition(statement)
	message := sprintf("%s: the bucket policy allows everybody", [address])
}

warn contains message if {
	some [address, statement] in open_statements
	has_condition(statement)
	message := sprintf("%s: the bucket policy allows everybody under a condition", [address])
}

deny contains message if {
	some [address, attribute] in policies
	is_string(attribute.after)
	not json.is_valid(attribute.after)
	message := sprintf("%s: the bucket policy is no JSON", [address])
}

warn contains message if {
	some [address, attribute] in policies
	hidden(attribute)
	message := sprintf("%s: the bucket policy cannot be read before it is applied", [address])
}

policies contains [change.address, attribute] if {
	some change in changes({"aws_s3_bucket_policy", "aws_s3_bucket"}, kept)
	some attribute in change.attributes
	attribute.path == "policy"
}

hidden(attribute) if attribute.is_unknown

hidden(attribute) if attribute.is_sensitive

open_statements contains [address, statement] if {
	some [address, attribute] in policies
	is_string(attribute.after)
	json.is_valid(attribute.after)
	some statement in listed(member(json.unmarshal(attribute.after), "statement"))
	lower(member(statement, "effect")) == "allow"
	allows_everybody(statement)
}

allows_everybody(statement) if "*" in listed(member(statement, "principal"))

allows_everybody(statement) if "*" in listed(member(member(statement, "principal"), "aws"))

allows_everybody(statement) if member(statement, "notprincipal")

has_condition(statement) if count(member(statement, "condition")) > 0

# A member by its name in lower case, as AWS does not tell the cases apart.
member(object, name) := value if {
	is_object(object)
	some key, value in object
	lower(key) == name
}

# One statement or principal may stand without the brackets of a list.
listed(value) := value if is_array(value)

listed(value) := [value] if not is_array(value)

# -- the preview

changes(types, actions) := [change |
	some component in input.preview.components
	some change in component.resources
	change.type in types
	change.action in actions
]
