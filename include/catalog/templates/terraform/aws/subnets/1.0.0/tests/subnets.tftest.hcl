mock_provider "aws" {}

variables {
  name       = "storefront-test"
  vpc_id     = "vpc-0123456789abcdef0"
  cidr_block = "10.20.0.0/16"
  region     = "eu-west-1"
  zones      = ["c", "a"]
}

run "gives_one_subnet_per_zone" {
  assert {
    condition     = length(output.subnet_ids) == 2 && length(distinct(output.subnet_ids)) == 2
    error_message = "Each zone must have a subnet of its own."
  }
}

run "the_range_follows_from_the_letter" {
  assert {
    condition     = output.cidr_blocks == { a = "10.20.0.0/20", c = "10.20.32.0/20" }
    error_message = "Zone a must have the first part and zone c the third, in any order of the list."
  }
}

run "smaller_parts_on_request" {
  command = plan

  variables {
    zones   = ["b"]
    newbits = 8
  }

  assert {
    condition     = output.cidr_blocks == { b = "10.20.1.0/24" }
    error_message = "Eight more bits must give /24."
  }
}

run "refuses_a_zone_twice" {
  command = plan

  variables {
    zones = ["a", "a"]
  }

  expect_failures = [var.zones]
}

run "refuses_a_full_zone_name" {
  command = plan

  variables {
    zones = ["eu-west-1a"]
  }

  expect_failures = [var.zones]
}
