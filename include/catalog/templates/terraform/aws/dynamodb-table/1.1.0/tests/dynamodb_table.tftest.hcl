mock_provider "aws" {}

variables {
  name     = "storefront-test-orders"
  hash_key = { name = "order_id" }
}

run "is_protected_unless_told" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled && aws_dynamodb_table.this.point_in_time_recovery[0].enabled
    error_message = "Protection and recovery must be on by default."
  }
}

run "keys_are_text_unless_told" {
  command = plan

  assert {
    condition     = [for attribute in aws_dynamodb_table.this.attribute : "${attribute.name}:${attribute.type}"] == ["order_id:S"]
    error_message = "The key must be declared as text."
  }
}

run "declares_an_attribute_once_however_many_keys_use_it" {
  command = plan

  variables {
    range_key = { name = "placed_at", type = "N" }
    indexes = {
      by_customer = { hash_key = { name = "customer_id" }, range_key = { name = "placed_at", type = "N" } }
    }
  }

  assert {
    condition     = toset([for attribute in aws_dynamodb_table.this.attribute : "${attribute.name}:${attribute.type}"]) == toset(["order_id:S", "placed_at:N", "customer_id:S"])
    error_message = "Each attribute must be declared once, with its type."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.global_secondary_index).projection_type == "ALL"
    error_message = "An index must hold all attributes unless told otherwise."
  }
}

run "capacity_belongs_to_provisioned_tables" {
  command = plan

  variables {
    billing_mode = "PROVISIONED"
    capacity     = { read = 10 }
  }

  assert {
    condition     = aws_dynamodb_table.this.read_capacity == 10 && aws_dynamodb_table.this.write_capacity == 5
    error_message = "A capacity that is left out must be 5."
  }
}

run "refuses_an_unknown_key_type" {
  command = plan

  variables {
    hash_key = { name = "order_id", type = "TEXT" }
  }

  expect_failures = [var.hash_key]
}

run "refuses_an_unknown_billing_mode" {
  command = plan

  variables {
    billing_mode = "ON_DEMAND"
  }

  expect_failures = [var.billing_mode]
}
