mock_provider "aws" {}

variables {
  name       = "storefront-test"
  cidr_block = "10.20.0.0/16"
}

run "gives_the_range_it_was_given" {
  assert {
    condition     = output.cidr_block == "10.20.0.0/16"
    error_message = "The range must be the one that was given."
  }
}

run "closes_the_default_security_group" {
  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "The default security group must have no rules."
  }
}

run "keeps_the_name_beside_other_tags" {
  command = plan

  variables {
    tags = { environment = "test" }
  }

  assert {
    condition     = aws_vpc.this.tags == tomap({ Name = "storefront-test", environment = "test" })
    error_message = "Name and the given tags must both be set."
  }
}

run "refuses_a_range_with_host_bits" {
  command = plan

  variables {
    cidr_block = "10.20.0.7/16"
  }

  expect_failures = [var.cidr_block]
}

run "refuses_a_range_too_small" {
  command = plan

  variables {
    cidr_block = "10.20.0.0/28"
  }

  expect_failures = [var.cidr_block]
}
