mock_provider "aws" {
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:storefront/test/api-key-AbCdEf" }
  }
}

variables {
  name  = "storefront/test/api-key"
  value = "s3cr3t-of-the-test"
}

run "somebody_else_may_put_the_value_in" {
  command = plan

  variables {
    value     = null
    has_value = false
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.this) == 0 && length(aws_secretsmanager_secret_policy.this) == 0
    error_message = "Without a value and readers there is the empty secret alone."
  }

  assert {
    condition     = aws_secretsmanager_secret.this.recovery_window_in_days == 30
    error_message = "A destroyed secret must be recoverable."
  }
}

run "keeps_the_value_out_of_its_outputs" {
  assert {
    condition     = nonsensitive(aws_secretsmanager_secret_version.this[0].secret_string) == "s3cr3t-of-the-test"
    error_message = "The value must be stored."
  }

  assert {
    condition     = !strcontains(jsonencode([output.secret_arn, output.secret_name]), "s3cr3t")
    error_message = "No output may hold the value."
  }
}

run "readers_are_named" {
  variables {
    reader_arns = ["arn:aws:iam::123456789012:role/storefront"]
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_policy.this[0].policy).Statement[0].Principal.AWS == ["arn:aws:iam::123456789012:role/storefront"]
    error_message = "The reader must be let in, and nobody else."
  }
}

run "refuses_everybody_as_a_reader" {
  command = plan

  variables {
    reader_arns = ["*"]
  }

  expect_failures = [var.reader_arns]
}

run "refuses_an_empty_value" {
  command = plan

  variables {
    value = ""
  }

  expect_failures = [var.value]
}

run "refuses_no_value" {
  command = plan

  variables {
    value = null
  }

  expect_failures = [aws_secretsmanager_secret_version.this]
}
