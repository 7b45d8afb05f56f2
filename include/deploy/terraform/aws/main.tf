data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name
  buckets   = coalesce(var.bucket_prefix, "${var.name}-${local.account}-${local.region}")
}

# One key for all of it: who may read the tables and buckets may use it, and nobody else.
resource "aws_kms_key" "this" {
  description             = "MCOP installation ${var.name}: tables, buckets, images, logs and the record key"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Without it the key would be beyond everybody's reach; what a role may do is still said by its own policies.
        Sid       = "LetPoliciesOfTheAccountDecide"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "UseByLogs"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/mcop/${var.name}/*" }
        }
      },
    ]
  })

  tags = var.tags
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

# -- what MCOP keeps ----------------------------------------------------------------------------------

locals {
  # The one definition of the tables: MCOP's code, its tests and this module read it.
  definitions = jsondecode(file("${path.module}/../../../dynamodb/tables.json"))
  table_names = { objects = "${var.name}-objects", rules = "${var.name}-validation-rules" }
}

resource "aws_dynamodb_table" "catalog" {
  for_each = local.definitions

  name                        = local.table_names[each.key]
  billing_mode                = each.value.BillingMode
  hash_key                    = one([for key in each.value.KeySchema : key.AttributeName if key.KeyType == "HASH"])
  range_key                   = one([for key in each.value.KeySchema : key.AttributeName if key.KeyType == "RANGE"])
  deletion_protection_enabled = var.is_protected

  dynamic "attribute" {
    for_each = each.value.AttributeDefinitions

    content {
      name = attribute.value.AttributeName
      type = attribute.value.AttributeType
    }
  }

  dynamic "global_secondary_index" {
    for_each = try(each.value.GlobalSecondaryIndexes, [])

    content {
      name               = global_secondary_index.value.IndexName
      hash_key           = one([for key in global_secondary_index.value.KeySchema : key.AttributeName if key.KeyType == "HASH"])
      range_key          = one([for key in global_secondary_index.value.KeySchema : key.AttributeName if key.KeyType == "RANGE"])
      projection_type    = global_secondary_index.value.Projection.ProjectionType
      non_key_attributes = try(global_secondary_index.value.Projection.NonKeyAttributes, null)
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this.arn
  }

  tags = var.tags
}

resource "aws_dynamodb_table" "locks" {
  count = var.has_lock_table ? 1 : 0

  name                        = "${var.name}-locks"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "LockID"
  deletion_protection_enabled = var.is_protected

  attribute {
    name = "LockID"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this.arn
  }

  tags = var.tags
}

locals {
  stores = toset(["artifacts", "state", "logs"])
}

resource "aws_s3_bucket" "this" {
  for_each = local.stores

  bucket        = "${local.buckets}-${each.key}"
  force_destroy = !var.is_protected

  tags = var.tags
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.stores

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.stores

  bucket = aws_s3_bucket.this[each.key].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.stores

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    # A key of the bucket's own, made of ours, spares a request to KMS for each object.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.stores

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

# Current objects of artifacts and state stay: snapshots for as long as runs may be cleared, artifacts for as long as
# they are deployed. What is over is a version that something else has taken the place of.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.stores

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = each.key == "logs" ? 1 : var.noncurrent_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = each.key == "logs" ? [var.log_retention_days] : []

    content {
      id     = "old-logs"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.stores

  bucket = aws_s3_bucket.this[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncryptedConnections"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

# Its value is put there by hand, see the guide: what Terraform makes stands in its state.
resource "aws_secretsmanager_secret" "record_key" {
  name                    = "${var.name}/record-key"
  description             = "MCOP_RECORD_KEY: with it workers prove approvals and what tasks hand each other."
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.is_protected ? 30 : 0

  tags = var.tags
}
