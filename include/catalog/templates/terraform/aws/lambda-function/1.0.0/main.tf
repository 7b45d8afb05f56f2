# Made here and not by the function's first call, so that it forgets; the role needs no right to make it.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days

  tags = var.tags
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  description                    = var.description
  role                           = var.role_arn
  package_type                   = var.image_uri == null ? "Zip" : "Image"
  image_uri                      = var.image_uri
  s3_bucket                      = try(var.package.bucket, null)
  s3_key                         = try(var.package.key, null)
  s3_object_version              = try(var.package.version, null)
  runtime                        = try(var.package.runtime, null)
  handler                        = try(var.package.handler, null)
  architectures                  = [var.architecture]
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_s
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn

  dynamic "environment" {
    for_each = length(var.environment) == 0 ? [] : [var.environment]

    content {
      variables = environment.value
    }
  }

  dynamic "vpc_config" {
    for_each = length(var.subnet_ids) == 0 ? [] : [var.subnet_ids]

    content {
      subnet_ids         = vpc_config.value
      security_group_ids = var.security_group_ids
    }
  }

  dynamic "dead_letter_config" {
    for_each = var.dead_letter_arn[*]

    content {
      target_arn = dead_letter_config.value
    }
  }

  tags = var.tags

  depends_on = [aws_cloudwatch_log_group.this]

  lifecycle {
    precondition {
      condition     = (var.package == null) != (var.image_uri == null)
      error_message = "A function has either a package or an image_uri."
    }
  }
}

resource "aws_lambda_permission" "this" {
  for_each = var.invokers

  statement_id   = each.key
  function_name  = aws_lambda_function.this.function_name
  action         = "lambda:InvokeFunction"
  principal      = each.value.service
  source_arn     = each.value.source_arn
  source_account = each.value.source_account
}

resource "aws_lambda_event_source_mapping" "queue" {
  count = length(var.queue_arns)

  function_name           = aws_lambda_function.this.arn
  event_source_arn        = var.queue_arns[count.index]
  batch_size              = var.queue_batch_size
  function_response_types = ["ReportBatchItemFailures"]
}
