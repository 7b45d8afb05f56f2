mock_provider "aws" {}

variables {
  path    = "/storefront/test"
  values  = { orders_table = "storefront-test-orders" }
  lists   = { subnet_ids = ["subnet-1", "subnet-2"] }
  secrets = { session_key = "not0a0real0key" }
}

run "all_names_begin_with_the_path" {
  assert {
    condition = output.parameter_names == tolist([
      "/storefront/test/orders_table",
      "/storefront/test/session_key",
      "/storefront/test/subnet_ids",
    ])
    error_message = "Every parameter must be listed by its full name."
  }
}

run "a_list_stays_a_list" {
  command = plan

  assert {
    condition     = aws_ssm_parameter.list["subnet_ids"].type == "StringList" && nonsensitive(aws_ssm_parameter.list["subnet_ids"].value) == "subnet-1,subnet-2"
    error_message = "A list must be stored as StringList."
  }
}

run "secrets_are_encrypted" {
  command = plan

  assert {
    condition     = aws_ssm_parameter.secret["session_key"].type == "SecureString" && aws_ssm_parameter.secret["session_key"].key_id == "alias/aws/ssm"
    error_message = "A secret must be a SecureString."
  }
}

run "refuses_a_comma_in_an_item" {
  command = plan

  variables {
    lists = { subnet_ids = ["subnet-1,subnet-2"] }
  }

  expect_failures = [var.lists]
}

run "refuses_a_path_that_aws_keeps" {
  command = plan

  variables {
    path = "/aws/storefront"
  }

  expect_failures = [var.path]
}

run "refuses_a_name_with_a_slash" {
  command = plan

  variables {
    values = { "orders/table" = "storefront-test-orders" }
  }

  expect_failures = [var.values]
}
