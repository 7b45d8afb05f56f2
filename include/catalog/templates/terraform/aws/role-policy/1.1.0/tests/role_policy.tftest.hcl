mock_provider "aws" {}

variables {
  name      = "read-orders"
  role_name = "storefront-test-service"
  statements = [{
    sid       = "Orders"
    actions   = ["dynamodb:GetItem", "dynamodb:Query"]
    resources = ["arn:aws:dynamodb:us-east-1:123456789012:table/orders"]
  }]
}

run "a_statement_allows_unless_told" {
  command = plan

  assert {
    condition = jsondecode(output.policy_document) == {
      Version = "2012-10-17"
      Statement = [{
        Sid      = "Orders"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Query"]
        Resource = ["arn:aws:dynamodb:us-east-1:123456789012:table/orders"]
      }]
    }
    error_message = "The document must say what the statements say, and no more."
  }
}

run "conditions_are_grouped_by_operator" {
  command = plan

  variables {
    statements = [{
      sid       = "Files"
      actions   = ["s3:GetObject"]
      resources = ["arn:aws:s3:::files/*"]
      conditions = [
        { operator = "StringEquals", key = "aws:PrincipalTag/team", values = ["web"] },
        { operator = "Bool", key = "aws:SecureTransport", values = ["true"] },
        { operator = "StringEquals", key = "s3:ExistingObjectTag/state", values = ["published"] },
      ]
    }]
  }

  assert {
    condition = jsondecode(output.policy_document).Statement[0].Condition == {
      Bool = { "aws:SecureTransport" = ["true"] }
      StringEquals = {
        "aws:PrincipalTag/team"      = ["web"]
        "s3:ExistingObjectTag/state" = ["published"]
      }
    }
    error_message = "Keys of one operator must stand together."
  }
}

run "refuses_to_allow_everything" {
  command = plan

  variables {
    statements = [{ sid = "Everything", actions = ["*"], resources = ["*"] }]
  }

  expect_failures = [var.statements]
}

run "refuses_a_sid_twice" {
  command = plan

  variables {
    statements = [
      { sid = "Same", actions = ["s3:GetObject"], resources = ["arn:aws:s3:::one/*"] },
      { sid = "Same", actions = ["s3:GetObject"], resources = ["arn:aws:s3:::two/*"] },
    ]
  }

  expect_failures = [var.statements]
}
