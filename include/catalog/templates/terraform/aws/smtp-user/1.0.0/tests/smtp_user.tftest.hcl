mock_provider "aws" {
  mock_resource "aws_iam_access_key" {
    defaults = { ses_smtp_password_v4 = "not0a0real0password" }
  }
}

variables {
  name   = "storefront-test-mail"
  sender = "orders@test.storefront.example"
}

run "may_send_from_its_address_alone" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_user_policy.send.policy).Statement == [{
      Sid       = "SendMail"
      Effect    = "Allow"
      Action    = "ses:SendRawEmail"
      Resource  = "*"
      Condition = { StringEquals = { "ses:FromAddress" = "orders@test.storefront.example" } }
    }]
    error_message = "The policy must allow the one sender, and no more."
  }
}

run "the_password_is_marked_as_sensitive" {
  assert {
    condition     = issensitive(output.smtp_password) && nonsensitive(output.smtp_password) == "not0a0real0password"
    error_message = "The output must be the key's SMTP password, and sensitive."
  }
}

run "keeps_the_password_when_applied_again" {
  assert {
    condition     = output.smtp_username == run.the_password_is_marked_as_sensitive.smtp_username
    error_message = "The same generation must keep its key."
  }
}

run "a_new_generation_has_a_new_password" {
  variables {
    generation = 2
  }

  assert {
    condition     = output.smtp_username != run.the_password_is_marked_as_sensitive.smtp_username
    error_message = "The key must be another one."
  }
}

run "refuses_a_wildcard_as_sender" {
  command = plan

  variables {
    sender = "*@storefront.example"
  }

  expect_failures = [var.sender]
}
