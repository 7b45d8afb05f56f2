mock_provider "aws" {}

variables {
  name = "storefront/test"
}

run "tags_cannot_move_and_images_are_scanned_unless_told" {
  command = plan

  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "Tags must be immutable, and images scanned."
  }
}

run "older_images_expire" {
  command = plan

  variables {
    keep_images = 5
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this.policy).rules[0].selection.countNumber == 5
    error_message = "The policy must keep the given number."
  }
}

run "refuses_capital_letters" {
  command = plan

  variables {
    name = "Storefront"
  }

  expect_failures = [var.name]
}
