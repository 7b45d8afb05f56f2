resource "aws_secretsmanager_secret" "this" {
  name                    = var.name
  description             = var.description
  kms_key_id              = var.kms_key_id
  recovery_window_in_days = var.recovery_days

  tags = var.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  count = var.has_value ? 1 : 0

  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = var.value

  lifecycle {
    precondition {
      condition     = var.value != null
      error_message = "A secret has a value, unless has_value is false."
    }
  }
}

resource "aws_secretsmanager_secret_policy" "this" {
  count = length(var.reader_arns) == 0 ? 0 : 1

  secret_arn          = aws_secretsmanager_secret.this.arn
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Read"
      Effect    = "Allow"
      Principal = { AWS = var.reader_arns }
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
    }]
  })
}
