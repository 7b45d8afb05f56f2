mock_provider "aws" {}

variables {
  name            = "storefront-test"
  vpc_id          = "vpc-0123456789abcdef0"
  region          = "eu-west-1"
  route_table_ids = ["rtb-0123456789abcdef0"]
}

run "leads_to_what_costs_nothing_unless_told" {
  command = plan

  assert {
    condition     = sort(values(aws_vpc_endpoint.gateway)[*].service_name) == tolist(["com.amazonaws.eu-west-1.dynamodb", "com.amazonaws.eu-west-1.s3"])
    error_message = "The two gateways of the region must be there."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0
    error_message = "Nothing that costs must be there."
  }
}

run "an_interface_has_the_services_own_name" {
  command = plan

  variables {
    interfaces         = ["ecr.api"]
    subnet_ids         = ["subnet-0123456789abcdef0"]
    security_group_ids = ["sg-0123456789abcdef0"]
  }

  assert {
    condition     = aws_vpc_endpoint.interface["ecr.api"].private_dns_enabled
    error_message = "Programs must find it under the name that they know."
  }
}

run "refuses_an_interface_that_nobody_reaches" {
  command = plan

  variables {
    interfaces = ["ecr.api"]
  }

  expect_failures = [aws_vpc_endpoint.interface]
}

run "refuses_a_gateway_that_there_is_not" {
  command = plan

  variables {
    gateways = ["sqs"]
  }

  expect_failures = [var.gateways]
}
