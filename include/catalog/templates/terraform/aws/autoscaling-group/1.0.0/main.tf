locals {
  architecture = can(regex("^(a1|[a-z]+[0-9]+g[a-z]*)[.]", var.instance_type)) ? "arm64" : "x86_64"
  # EC2 looks the parameter up at every launch, so that a new instance has the newest image without a new template.
  newest_amazon_linux = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${local.architecture}"
}

resource "aws_iam_instance_profile" "this" {
  count = var.role_name == null ? 0 : 1

  name = var.name
  role = var.role_name

  tags = var.tags
}

resource "aws_launch_template" "this" {
  name                   = var.name
  image_id               = coalesce(var.ami_id, local.newest_amazon_linux)
  instance_type          = var.instance_type
  user_data              = var.user_data == null ? null : base64encode(var.user_data)
  ebs_optimized          = true
  update_default_version = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  network_interfaces {
    associate_public_ip_address = false
    security_groups             = var.security_group_ids
  }

  block_device_mappings {
    device_name = var.root_device

    ebs {
      encrypted   = true
      kms_key_id  = var.kms_key_arn
      volume_type = "gp3"
      volume_size = var.root_volume_gb
    }
  }

  dynamic "iam_instance_profile" {
    for_each = aws_iam_instance_profile.this

    content {
      name = iam_instance_profile.value.name
    }
  }

  tag_specifications {
    resource_type = "volume"
    tags          = merge({ Name = var.name }, var.tags)
  }

  tags = var.tags
}

resource "aws_autoscaling_group" "this" {
  name                      = var.name
  min_size                  = var.min_size
  max_size                  = var.max_size
  vpc_zone_identifier       = var.subnet_ids
  target_group_arns         = var.target_group_arns
  health_check_type         = length(var.target_group_arns) == 0 ? "EC2" : "ELB"
  health_check_grace_period = var.grace_period_s
  # How many come up, and when, is seen in the group; an apply does not wait for them.
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 50
      auto_rollback          = true
    }
  }

  dynamic "tag" {
    for_each = merge({ Name = var.name }, var.tags)

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    precondition {
      condition     = var.min_size <= var.max_size
      error_message = "min_size is at most max_size."
    }
  }
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "${var.name}-cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.cpu_target_percent

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
