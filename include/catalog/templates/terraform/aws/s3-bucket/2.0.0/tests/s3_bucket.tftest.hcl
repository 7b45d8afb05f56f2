mock_provider "aws" {}

variables {
  name = "acme-storefront-test-files"
}

run "is_private_and_keeps_everything_unless_told" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "No part of the bucket may be public."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy && aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Objects and their versions must be kept."
  }
}

run "encrypts_with_a_given_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/6c3a4d1e-0000-4000-8000-000000000000"
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    error_message = "A key of one's own must be used by KMS."
  }
}

run "versioning_can_be_suspended" {
  command = plan

  variables {
    versioning = false
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Suspended"
    error_message = "Versioning must be suspended."
  }
}

run "refuses_a_name_with_a_dot" {
  command = plan

  variables {
    name = "files.storefront.example"
  }

  expect_failures = [var.name]
}
