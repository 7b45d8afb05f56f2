data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  account = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root"
}

resource "aws_kms_key" "this" {
  description             = coalesce(var.description, var.name)
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        # Without it the key would be beyond everybody's reach; what a role may do is still said by its own policies.
        Sid       = "LetPoliciesOfTheAccountDecide"
        Effect    = "Allow"
        Principal = { AWS = local.account }
        Action    = "kms:*"
        Resource  = "*"
      }],
      length(var.services) == 0 ? [] : [{
        Sid       = "UseByServices"
        Effect    = "Allow"
        Principal = { Service = var.services }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
      }],
    )
  })

  tags = var.tags
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
