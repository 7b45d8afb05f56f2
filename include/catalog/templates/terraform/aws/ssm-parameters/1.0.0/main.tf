resource "aws_ssm_parameter" "text" {
  for_each = var.values

  name  = "${var.path}/${each.key}"
  type  = "String"
  value = each.value

  tags = var.tags
}

resource "aws_ssm_parameter" "list" {
  for_each = var.lists

  name  = "${var.path}/${each.key}"
  type  = "StringList"
  value = join(",", each.value)

  tags = var.tags
}

resource "aws_ssm_parameter" "secret" {
  # The names are no secret, and instances have to be told apart by something that is not.
  for_each = nonsensitive(toset(keys(var.secrets)))

  name   = "${var.path}/${each.key}"
  type   = "SecureString"
  key_id = var.kms_key_id
  value  = var.secrets[each.key]

  tags = var.tags
}
