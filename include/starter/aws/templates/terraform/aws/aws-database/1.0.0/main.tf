data "aws_region" "current" {
  lifecycle {
    postcondition {
      condition     = self.name == var.placement
      error_message = "The adapter's region is ${self.name}, and the placement ${var.placement}: they must be the same."
    }
  }
}

locals {
  instance_classes = {
    small  = "db.t4g.small"
    medium = "db.t4g.large"
    large  = "db.t4g.xlarge"
  }
}

data "aws_subnet" "first" {
  id = var.subnet_ids[0]
}

data "aws_vpc" "this" {
  id = data.aws_subnet.first.vpc_id
}

resource "aws_security_group" "this" {
  name        = "${var.name}-database"
  description = "What reaches ${var.name}: its network"
  vpc_id      = data.aws_vpc.this.id

  tags = merge({ Name = "${var.name}-database" }, var.tags)
}

resource "aws_vpc_security_group_ingress_rule" "network" {
  security_group_id = aws_security_group.this.id
  description       = "From inside the network"
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_ipv4         = data.aws_vpc.this.cidr_block

  tags = var.tags
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids

  tags = var.tags
}

resource "aws_db_parameter_group" "this" {
  name   = "${var.name}-postgres16"
  family = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  tags = var.tags
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = "16"
  instance_class = local.instance_classes[var.size]

  allocated_storage = var.storage_gb
  storage_type      = "gp3"
  storage_encrypted = true

  db_name                     = var.database_name
  username                    = "application"
  manage_master_user_password = true # By RDS, in Secrets Manager: it is in no state, and is changed every week.

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  multi_az               = var.highly_available

  backup_retention_period    = 14
  copy_tags_to_snapshot      = true
  auto_minor_version_upgrade = true

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.deletion_protection
  final_snapshot_identifier = "${var.name}-final"

  tags = var.tags
}
