resource "aws_ecr_repository" "this" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.is_protected

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this.arn
  }

  tags = var.tags
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Layers that no tag leads to."
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    }]
  })
}

resource "aws_cloudwatch_log_group" "workers" {
  name              = "/mcop/${var.name}/workers"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.this.arn

  tags = var.tags
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  tags = var.tags
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE"]

  # Not FARGATE_SPOT: what is taken away in the middle of an apply is resumed, but every resume costs time and a doubt.
  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

locals {
  settings = {
    MCOP_OBJECTS_TABLE  = aws_dynamodb_table.catalog["objects"].name
    MCOP_RULES_TABLE    = aws_dynamodb_table.catalog["rules"].name
    MCOP_ARTIFACT_STORE = "s3://${aws_s3_bucket.this["artifacts"].bucket}?region=${local.region}"
    AWS_REGION          = local.region
    AWS_DEFAULT_REGION  = local.region
  }
  container   = "worker"
  environment = merge(local.settings, var.environment)
}

# What the executor runs a task of Airflow's in: it overrides the command, and nothing else.
resource "aws_ecs_task_definition" "worker" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mb
  execution_role_arn       = aws_iam_role.this["launcher"].arn
  task_role_arn            = aws_iam_role.this["worker"].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  ephemeral_storage {
    size_in_gib = var.storage_gib
  }

  container_definitions = jsonencode([{
    name      = local.container
    image     = coalesce(var.image, "${aws_ecr_repository.this.repository_url}:latest")
    essential = true
    # A first process that collects others: the runner and Terraform have sessions of their own.
    linuxParameters = { initProcessEnabled = true }
    # The most that Fargate grants between SIGTERM and SIGKILL.
    stopTimeout = 120
    environment = [for name in sort(keys(local.environment)) : { name = name, value = local.environment[name] }]
    secrets     = [{ name = "MCOP_RECORD_KEY", valueFrom = aws_secretsmanager_secret.record_key.arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.workers.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = local.container
      }
    }
  }])

  tags = var.tags
}
