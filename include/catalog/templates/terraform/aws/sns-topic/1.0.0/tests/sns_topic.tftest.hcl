mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:123456789012:storefront-test-orders" }
  }
}

variables {
  name           = "storefront-test-orders"
  publisher_arns = ["arn:aws:iam::123456789012:role/storefront-test-service"]
}

run "only_the_publishers_may_publish" {
  assert {
    condition = jsondecode(aws_sns_topic_policy.this.policy).Statement == [{
      Sid       = "Publish"
      Effect    = "Allow"
      Action    = "SNS:Publish"
      Principal = { AWS = ["arn:aws:iam::123456789012:role/storefront-test-service"] }
      Resource  = "arn:aws:sns:us-east-1:123456789012:storefront-test-orders"
    }]
    error_message = "The policy must name the publishers and this topic."
  }
}

run "encrypts_unless_told" {
  command = plan

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == "alias/aws/sns"
    error_message = "Messages must be encrypted at rest by default."
  }
}

run "refuses_everybody_as_publisher" {
  command = plan

  variables {
    publisher_arns = ["*"]
  }

  expect_failures = [var.publisher_arns]
}

run "refuses_a_fifo_name" {
  command = plan

  variables {
    name = "orders.fifo"
  }

  expect_failures = [var.name]
}
