mock_provider "aws" {}

variables {
  zone_id = "Z0123456789ABCDEFGHIJ"
  name    = "www.storefront.example"
}

run "stands_for_values" {
  command = plan

  variables {
    values = ["192.0.2.1"]
  }

  assert {
    condition     = aws_route53_record.this.type == "A" && aws_route53_record.this.ttl == 300
    error_message = "An address for five minutes is the default."
  }
}

run "stands_for_a_load_balancer" {
  command = plan

  variables {
    alias = { name = "storefront.elb.amazonaws.com", zone_id = "Z35SXDOTRQ7X7K" }
  }

  assert {
    condition     = one(aws_route53_record.this.alias).evaluate_target_health && aws_route53_record.this.records == null
    error_message = "An alias has no values, and follows the health of what it stands for."
  }
}

run "refuses_values_and_an_alias" {
  command = plan

  variables {
    values = ["192.0.2.1"]
    alias  = { name = "storefront.elb.amazonaws.com", zone_id = "Z35SXDOTRQ7X7K" }
  }

  expect_failures = [aws_route53_record.this]
}

run "refuses_an_unknown_type" {
  command = plan

  variables {
    type   = "SPF"
    values = ["v=spf1 -all"]
  }

  expect_failures = [var.type]
}
