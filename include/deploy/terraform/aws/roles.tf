locals {
  # Role -> who may take it on. On ECS the scheduler, the API server and the workers are tasks.
  trust = {
    publisher = { services = [], principals = var.publishers }
    scheduler = { services = ["ecs-tasks.amazonaws.com"], principals = var.airflow_principals }
    api       = { services = ["ecs-tasks.amazonaws.com"], principals = var.airflow_principals }
    worker    = { services = ["ecs-tasks.amazonaws.com"], principals = var.worker_principals }
    launcher  = { services = ["ecs-tasks.amazonaws.com"], principals = [] }
  }
  # A role that nobody may take on is not made.
  roles = { for role, who in local.trust : role => who if length(who.services) + length(who.principals) > 0 }

  bucket = { for store in local.stores : store => aws_s3_bucket.this[store].arn }
  permissions = yamldecode(templatefile("${path.module}/permissions.yaml", {
    objects_table     = aws_dynamodb_table.catalog["objects"].arn
    rules_table       = aws_dynamodb_table.catalog["rules"].arn
    lock_tables       = jsonencode(aws_dynamodb_table.locks[*].arn)
    artifacts         = local.bucket["artifacts"]
    templates         = jsonencode([for type in var.primitive_types : "${local.bucket["artifacts"]}/${type}/*"])
    state             = local.bucket["state"]
    logs              = local.bucket["logs"]
    key               = aws_kms_key.this.arn
    record_key        = aws_secretsmanager_secret.record_key.arn
    secrets           = jsonencode(var.secret_arns)
    parameters        = jsonencode(var.parameter_arns)
    execution_roles   = jsonencode([for id in var.account_ids : "arn:${local.partition}:iam::${id}:role/${var.execution_role_name}"])
    cluster           = aws_ecs_cluster.this.arn
    tasks             = "arn:${local.partition}:ecs:${local.region}:${local.account}:task/${var.name}/*"
    task_definition   = "arn:${local.partition}:ecs:${local.region}:${local.account}:task-definition/${var.name}-worker:*"
    repository        = aws_ecr_repository.this.arn
    worker_logs       = "${aws_cloudwatch_log_group.workers.arn}:*"
    roles_of_the_task = jsonencode([aws_iam_role.this["worker"].arn, aws_iam_role.this["launcher"].arn])
  }))
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name = "${var.name}-${each.key}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for service in each.value.services : {
        Effect    = "Allow"
        Principal = { Service = service }
        Action    = "sts:AssumeRole"
        # A task of another account must not borrow this role by way of the service.
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      }],
      [for principal in each.value.principals : {
        Effect    = "Allow"
        Principal = { AWS = principal }
        Action    = "sts:AssumeRole"
      }],
    )
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles

  name = "mcop"
  role = aws_iam_role.this[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for one in local.permissions[each.key] : merge(
      { Sid = one.sid, Effect = "Allow", Action = one.actions, Resource = one.resources },
      { for name in ["Condition"] : name => one.condition if can(one.condition) },
    ) if length(one.resources) > 0]
  })
}
