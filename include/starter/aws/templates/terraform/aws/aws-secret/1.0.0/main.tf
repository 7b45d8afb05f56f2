data "aws_region" "current" {
  lifecycle {
    postcondition {
      condition     = self.name == var.placement
      error_message = "The adapter's region is ${self.name}, and the placement ${var.placement}: they must be the same."
    }
  }
}

resource "aws_secretsmanager_secret" "this" {
  name                    = var.name
  recovery_window_in_days = var.recovery_days

  tags = var.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = var.value
}
