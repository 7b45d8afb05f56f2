mock_provider "aws" {}

variables {
  name               = "storefront-test"
  region             = "us-east-1"
  image              = "123456789012.dkr.ecr.us-east-1.amazonaws.com/storefront/test:1.0.0"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
  execution_role_arn = "arn:aws:iam::123456789012:role/storefront-test-execution"
  cluster_arn        = "arn:aws:ecs:us-east-1:123456789012:cluster/shared"
  log_group_name     = "/storefront/test"
}

run "has_no_public_address_and_cannot_write_to_itself" {
  command = plan

  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && !aws_ecs_service.this.enable_execute_command
    error_message = "Nobody may reach a task but through the network."
  }

  assert {
    condition     = one(jsondecode(aws_ecs_task_definition.this.container_definitions)).readonlyRootFilesystem
    error_message = "The container must not change itself."
  }

  assert {
    condition     = length(aws_ecs_cluster.this) == 0 && length(aws_cloudwatch_log_group.this) == 0
    error_message = "What is given must not be made again."
  }
}

run "makes_cluster_and_log_group_unless_given" {
  command = plan

  variables {
    cluster_arn    = null
    log_group_name = null
  }

  assert {
    condition     = aws_ecs_cluster.this[0].name == "storefront-test" && aws_cloudwatch_log_group.this[0].retention_in_days == 30
    error_message = "Both must be the service's own."
  }
}

run "secrets_are_named_and_not_given" {
  command = plan

  variables {
    secret_arns = { API_KEY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:storefront/test/api-key-AbCdEf" }
  }

  assert {
    condition     = one(jsondecode(aws_ecs_task_definition.this.container_definitions)).secrets == [{ name = "API_KEY", valueFrom = var.secret_arns.API_KEY }]
    error_message = "ECS must read the secret when a task starts."
  }
}

run "refuses_an_image_that_moves" {
  command = plan

  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/storefront/test:latest"
  }

  expect_failures = [var.image]
}

run "refuses_a_share_that_fargate_does_not_have" {
  command = plan

  variables {
    cpu = 300
  }

  expect_failures = [var.cpu]
}
