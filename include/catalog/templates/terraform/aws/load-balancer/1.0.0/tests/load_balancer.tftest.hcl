mock_provider "aws" {
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/storefront/0123456789abcdef" }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/storefront/0123456789abcdef" }
  }
}

variables {
  name               = "storefront-test"
  vpc_id             = "vpc-0123456789abcdef0"
  subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

run "is_internal_and_protected_unless_told" {
  command = plan

  assert {
    condition     = aws_lb.this.internal && aws_lb.this.enable_deletion_protection && aws_lb.this.drop_invalid_header_fields
    error_message = "Only the network may reach it, and it must be protected."
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "forward" && length(aws_lb_listener.https) == 0
    error_message = "Without a certificate it forwards HTTP."
  }
}

run "with_a_certificate_everybody_is_sent_to_https" {
  variables {
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/6c3a4d1e-0000-4000-8000-000000000000"
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS"
    error_message = "HTTP must lead to HTTPS."
  }

  assert {
    condition     = aws_lb_listener.https[0].default_action[0].target_group_arn == output.target_group_arn
    error_message = "HTTPS must be forwarded."
  }
}

run "refuses_the_internet_without_a_certificate" {
  command = plan

  variables {
    internal = false
  }

  expect_failures = [aws_lb.this]
}

run "refuses_one_subnet" {
  command = plan

  variables {
    subnet_ids = ["subnet-0123456789abcdef0"]
  }

  expect_failures = [var.subnet_ids]
}
