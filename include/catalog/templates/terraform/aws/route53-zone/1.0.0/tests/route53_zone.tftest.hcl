mock_provider "aws" {}

variables {
  name = "test.storefront.example"
}

run "keeps_records_unless_told" {
  command = plan

  assert {
    condition     = !aws_route53_zone.this.force_destroy
    error_message = "Records of others must not be lost."
  }
}

run "is_private_to_the_networks_named" {
  command = plan

  variables {
    vpc_ids = ["vpc-0123456789abcdef0", "vpc-0123456789abcdef1"]
  }

  assert {
    condition     = toset(aws_route53_zone.this.vpc[*].vpc_id) == toset(var.vpc_ids)
    error_message = "Both networks must know the zone."
  }
}

run "refuses_a_dot_at_the_end" {
  command = plan

  variables {
    name = "storefront.example."
  }

  expect_failures = [var.name]
}
