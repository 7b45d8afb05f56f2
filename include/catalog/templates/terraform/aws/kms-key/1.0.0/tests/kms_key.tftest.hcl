mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name = "storefront/test"
}

run "rotates_and_can_be_taken_back_unless_told" {
  command = plan

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "A key must rotate, and be recoverable for 30 days."
  }

  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[*].Principal == [{ AWS = "arn:aws:iam::123456789012:root" }]
    error_message = "Nobody outside of the account may use the key."
  }
}

run "a_service_uses_it_for_this_account_alone" {
  command = plan

  variables {
    services = ["sns.amazonaws.com"]
  }

  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[1].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "A service that works for another account must be refused."
  }
}

run "refuses_an_account_in_place_of_a_service" {
  command = plan

  variables {
    services = ["arn:aws:iam::210987654321:root"]
  }

  expect_failures = [var.services]
}

run "refuses_an_alias_of_amazons_own" {
  command = plan

  variables {
    name = "aws/storefront"
  }

  expect_failures = [var.name]
}
