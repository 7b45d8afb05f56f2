resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids

  tags = var.tags
}

resource "aws_db_parameter_group" "this" {
  name   = "${var.name}-postgres${local.major}"
  family = "postgres${local.major}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  major = split(".", var.engine_version)[0]
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class

  allocated_storage     = var.storage_gb
  max_allocated_storage = var.max_storage_gb
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_name                       = var.database_name
  username                      = var.username
  password                      = var.password
  manage_master_user_password   = nonsensitive(var.password == null) ? true : null
  master_user_secret_kms_key_id = nonsensitive(var.password == null) ? var.kms_key_arn : null

  iam_database_authentication_enabled = true
  db_subnet_group_name                = aws_db_subnet_group.this.name
  parameter_group_name                = aws_db_parameter_group.this.name
  vpc_security_group_ids              = length(var.security_group_ids) == 0 ? null : var.security_group_ids
  publicly_accessible                 = false
  multi_az                            = var.multi_az

  backup_retention_period         = var.backup_days
  copy_tags_to_snapshot           = true
  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = var.log_exports

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.retain_snapshot
  final_snapshot_identifier = var.retain_snapshot ? "${var.name}-final" : null
  delete_automated_backups  = !var.retain_snapshot

  tags = var.tags

  lifecycle {
    precondition {
      condition     = var.max_storage_gb >= var.storage_gb
      error_message = "max_storage_gb is at least storage_gb."
    }
  }
}
