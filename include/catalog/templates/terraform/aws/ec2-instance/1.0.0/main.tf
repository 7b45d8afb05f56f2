locals {
  architecture = can(regex("^(a1|[a-z]+[0-9]+g[a-z]*)[.]", var.instance_type)) ? "arm64" : "x86_64"
}

data "aws_ssm_parameter" "amazon_linux" {
  count = var.ami_id == null ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${local.architecture}"
}

# A newer Amazon Linux replaces no instance; another image that is asked for does.
resource "terraform_data" "image" {
  triggers_replace = [var.ami_id, local.architecture]
}

resource "aws_iam_instance_profile" "this" {
  count = var.role_name == null ? 0 : 1

  name = var.name
  role = var.role_name

  tags = var.tags
}

resource "aws_instance" "this" {
  ami                         = var.ami_id == null ? nonsensitive(data.aws_ssm_parameter.amazon_linux[0].value) : var.ami_id
  instance_type               = var.instance_type
  subnet_id                   = element(var.subnet_ids, var.subnet_index)
  vpc_security_group_ids      = length(var.security_group_ids) == 0 ? null : var.security_group_ids
  associate_public_ip_address = var.public_address
  iam_instance_profile        = one(aws_iam_instance_profile.this[*].name)
  disable_api_termination     = var.termination_protection
  ebs_optimized               = true
  user_data                   = var.user_data
  user_data_replace_on_change = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted   = true
    kms_key_id  = var.kms_key_arn
    volume_type = "gp3"
    volume_size = var.root_volume_gb
    tags        = merge({ Name = var.name }, var.tags)
  }

  tags = merge({ Name = var.name }, var.tags)

  lifecycle {
    ignore_changes       = [ami]
    replace_triggered_by = [terraform_data.image]
  }
}
