output "settings" {
  description = "Environment variables of every component of Airflow and of the CLI: where the catalog and the artifacts are."
  value       = local.settings
}

output "executor_settings" {
  description = "Environment variables of the scheduler: Airflow's AWS ECS executor, workers on Fargate."
  value = {
    AIRFLOW__CORE__EXECUTOR                          = "airflow.providers.amazon.aws.executors.ecs.ecs_executor.AwsEcsExecutor"
    AIRFLOW__AWS_ECS_EXECUTOR__REGION_NAME           = local.region
    AIRFLOW__AWS_ECS_EXECUTOR__CLUSTER               = aws_ecs_cluster.this.name
    AIRFLOW__AWS_ECS_EXECUTOR__CONTAINER_NAME        = local.container
    AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION       = aws_ecs_task_definition.worker.family
    AIRFLOW__AWS_ECS_EXECUTOR__LAUNCH_TYPE           = "FARGATE"
    AIRFLOW__AWS_ECS_EXECUTOR__SUBNETS               = join(",", var.subnet_ids)
    AIRFLOW__AWS_ECS_EXECUTOR__SECURITY_GROUPS       = join(",", var.security_group_ids)
    AIRFLOW__AWS_ECS_EXECUTOR__ASSIGN_PUBLIC_IP      = "False"
    AIRFLOW__AWS_ECS_EXECUTOR__MAX_RUN_TASK_ATTEMPTS = "3"
  }
}

output "state_bucket" {
  description = "Bucket of Terraform's states: the bucket of a workflow's backend."
  value       = aws_s3_bucket.this["state"].bucket
}

output "lock_table" {
  description = "Lock table, the dynamodb_table of a workflow's backend; null without one."
  value       = one(aws_dynamodb_table.locks[*].name)
}

output "log_folder" {
  description = "Where Airflow's remote logging writes: its remote_base_log_folder."
  value       = "s3://${aws_s3_bucket.this["logs"].bucket}/tasks"
}

output "repository_url" {
  description = "Where the image of the workers is pushed."
  value       = aws_ecr_repository.this.repository_url
}

output "record_key_secret" {
  description = "Name of the secret whose value is MCOP_RECORD_KEY; no worker starts before it has one."
  value       = aws_secretsmanager_secret.record_key.name
}

output "role_arns" {
  description = "Role -> ARN: publisher, scheduler, api, worker and launcher, as far as somebody may take them on."
  value       = { for role, made in aws_iam_role.this : role => made.arn }
}

output "kms_key_arn" {
  description = "Key of tables, buckets, images and logs."
  value       = aws_kms_key.this.arn
}
