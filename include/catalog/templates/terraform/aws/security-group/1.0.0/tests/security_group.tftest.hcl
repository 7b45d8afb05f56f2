mock_provider "aws" {}

variables {
  name   = "storefront-test"
  vpc_id = "vpc-0123456789abcdef0"
  ingress = {
    https = { port = 8443, cidr_ipv4 = "10.20.0.0/16" }
  }
}

run "a_rule_of_one_port_needs_no_more" {
  command = plan

  assert {
    condition     = aws_vpc_security_group_ingress_rule.this["https"].to_port == 8443
    error_message = "The range must end at the port."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.this["https"].ip_protocol == "tcp"
    error_message = "The protocol must be tcp unless given."
  }
}

run "lets_nothing_out_unless_told" {
  command = plan

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.this) == 0
    error_message = "There must be no rule for outgoing traffic."
  }
}

run "refuses_a_rule_without_a_source" {
  command = plan

  variables {
    ingress = { https = { port = 8443 } }
  }

  expect_failures = [var.ingress]
}

run "refuses_the_whole_internet" {
  command = plan

  variables {
    ingress = { https = { port = 8443, cidr_ipv4 = "0.0.0.0/0" } }
  }

  expect_failures = [var.ingress]
}

run "refuses_an_unknown_protocol" {
  command = plan

  variables {
    egress = { dns = { port = 53, protocol = "dns", cidr_ipv4 = "10.20.0.0/16" } }
  }

  expect_failures = [var.egress]
}
