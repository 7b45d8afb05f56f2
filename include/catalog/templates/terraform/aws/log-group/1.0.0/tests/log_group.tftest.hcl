mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:/storefront/test:*" }
  }
}

variables {
  name = "/storefront/test"
}

run "keeps_lines_for_a_month_unless_told" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The default must be 30 days; no group keeps its lines for ever."
  }
}

run "the_arn_ends_with_the_name" {
  assert {
    condition     = output.log_group_arn == "arn:aws:logs:us-east-1:123456789012:log-group:/storefront/test"
    error_message = "The ARN must be usable in a policy with :* appended."
  }
}

run "refuses_a_time_cloudwatch_does_not_have" {
  command = plan

  variables {
    retention_days = 42
  }

  expect_failures = [var.retention_days]
}
