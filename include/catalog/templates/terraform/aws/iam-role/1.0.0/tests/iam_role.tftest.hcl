mock_provider "aws" {}

variables {
  name            = "storefront-test-service"
  trusted_service = "ecs-tasks.amazonaws.com"
}

run "only_the_trusted_service_may_take_on_the_role" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[*].Principal == [{ Service = "ecs-tasks.amazonaws.com" }]
    error_message = "The trust policy must name the one service."
  }
}

run "sessions_last_an_hour_unless_told" {
  command = plan

  assert {
    condition     = aws_iam_role.this.max_session_duration == 3600
    error_message = "The default must be one hour."
  }
}

run "refuses_to_trust_an_account" {
  command = plan

  variables {
    trusted_service = "arn:aws:iam::123456789012:root"
  }

  expect_failures = [var.trusted_service]
}

run "refuses_a_long_name" {
  command = plan

  variables {
    name = "a-name-that-is-much-longer-than-the-sixty-four-characters-iam-lets-a-role-have"
  }

  expect_failures = [var.name]
}
