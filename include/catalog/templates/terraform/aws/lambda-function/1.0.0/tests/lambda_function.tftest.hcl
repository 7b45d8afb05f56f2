mock_provider "aws" {}

variables {
  name     = "storefront-test-orders"
  role_arn = "arn:aws:iam::123456789012:role/storefront-test"
  package  = { bucket = "acme-code", key = "orders.zip", runtime = "python3.12", handler = "orders.handle" }
}

run "runs_a_package_and_forgets_its_log" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.package_type == "Zip" && aws_lambda_function.this.s3_key == "orders.zip"
    error_message = "The package must be run."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/storefront-test-orders" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group must be the function's, and forget after a month."
  }

  assert {
    condition     = length(aws_lambda_permission.this) == 0 && length(aws_lambda_function.this.vpc_config) == 0
    error_message = "Nobody may call it, and it is in no network, unless told."
  }
}

run "runs_an_image" {
  command = plan

  variables {
    package   = null
    image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/storefront/orders:1.0.0"
  }

  assert {
    condition     = aws_lambda_function.this.package_type == "Image" && aws_lambda_function.this.runtime == null
    error_message = "An image brings its own runtime."
  }
}

run "refuses_a_package_and_an_image" {
  command = plan

  variables {
    image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/storefront/orders:1.0.0"
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_a_service_that_calls_for_anybody" {
  command = plan

  variables {
    invokers = { topic = { service = "sns.amazonaws.com" } }
  }

  expect_failures = [var.invokers]
}
