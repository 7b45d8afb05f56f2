locals {
  # DynamoDB wants every attribute that is part of a key declared, and each of them once.
  keys = concat(
    [var.hash_key],
    var.range_key == null ? [] : [var.range_key],
    flatten([for index in values(var.indexes) : index.range_key == null ? [index.hash_key] : [index.hash_key, index.range_key]]),
  )
  attributes = { for key in local.keys : key.name => key.type... }
}

resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = var.billing_mode
  read_capacity               = var.billing_mode == "PROVISIONED" ? var.capacity.read : null
  write_capacity              = var.billing_mode == "PROVISIONED" ? var.capacity.write : null
  hash_key                    = var.hash_key.name
  range_key                   = try(var.range_key.name, null)
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = local.attributes

    content {
      name = attribute.key
      type = attribute.value[0]
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.indexes

    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.hash_key.name
      range_key       = try(global_secondary_index.value.range_key.name, null)
      projection_type = global_secondary_index.value.projection
      read_capacity   = var.billing_mode == "PROVISIONED" ? var.capacity.read : null
      write_capacity  = var.billing_mode == "PROVISIONED" ? var.capacity.write : null
    }
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled = true
  }

  tags = var.tags
}
