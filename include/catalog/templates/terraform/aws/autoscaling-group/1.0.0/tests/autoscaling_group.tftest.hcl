mock_provider "aws" {}

variables {
  name       = "storefront-test"
  subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
}

run "instances_are_closed_and_encrypted" {
  command = plan

  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required"
    error_message = "The metadata service must want a token."
  }

  assert {
    condition     = aws_launch_template.this.block_device_mappings[0].ebs[0].encrypted == "true" && aws_launch_template.this.network_interfaces[0].associate_public_ip_address == "false"
    error_message = "Volumes must be encrypted, and no instance has a public address."
  }

  assert {
    condition     = aws_launch_template.this.image_id == "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    error_message = "EC2 must look up the newest image at every launch."
  }
}

run "health_is_the_load_balancers_word_behind_one" {
  command = plan

  variables {
    target_group_arns = ["arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/storefront/0123456789abcdef"]
  }

  assert {
    condition     = aws_autoscaling_group.this.health_check_type == "ELB"
    error_message = "What the load balancer finds ill must be replaced."
  }
}

run "without_one_it_is_that_of_the_instance" {
  command = plan

  assert {
    condition     = aws_autoscaling_group.this.health_check_type == "EC2"
    error_message = "Nobody else can tell."
  }
}

run "refuses_fewer_at_most_than_at_least" {
  command = plan

  variables {
    min_size = 4
  }

  expect_failures = [aws_autoscaling_group.this]
}

run "refuses_no_subnet" {
  command = plan

  variables {
    subnet_ids = []
  }

  expect_failures = [var.subnet_ids]
}
