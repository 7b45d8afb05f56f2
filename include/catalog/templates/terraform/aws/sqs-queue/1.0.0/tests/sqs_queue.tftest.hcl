mock_provider "aws" {
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:us-east-1:123456789012:storefront-test" }
  }
}

variables {
  name = "storefront-test-orders"
}

run "is_encrypted_and_puts_aside_what_fails_unless_told" {
  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead_letter.sqs_managed_sse_enabled
    error_message = "Both queues must be encrypted."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.this.redrive_policy).maxReceiveCount == 5
    error_message = "A message that fails five times must be put aside."
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.this.policy).Statement : statement.Effect] == ["Deny"]
    error_message = "Nobody may send by the queue's own policy, and nobody without TLS."
  }
}

run "a_topic_may_send_and_is_subscribed_to" {
  variables {
    topic_arns = ["arn:aws:sns:us-east-1:123456789012:order-events"]
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_policy.this.policy).Statement[1].Condition.ArnEquals["aws:SourceArn"] == var.topic_arns[0]
    error_message = "The topic, and it alone, must be let in."
  }

  assert {
    condition     = one(aws_sns_topic_subscription.this).topic_arn == var.topic_arns[0]
    error_message = "The queue must be subscribed."
  }
}

run "a_fifo_queue_is_named_so" {
  command = plan

  variables {
    fifo = true
  }

  assert {
    condition     = aws_sqs_queue.this.name == "storefront-test-orders.fifo" && aws_sqs_queue.dead_letter.name == "storefront-test-orders-dead.fifo"
    error_message = "Both names must end in .fifo."
  }
}

run "refuses_a_suffix_of_its_own" {
  command = plan

  variables {
    name = "orders.fifo"
  }

  expect_failures = [var.name]
}
