data "aws_region" "current" {
  lifecycle {
    postcondition {
      condition     = self.name == var.placement
      error_message = "The adapter's region is ${self.name}, and the placement ${var.placement}: they must be the same."
    }
  }
}

locals {
  instance_types = {
    small  = "t3.small"
    medium = "t3.large"
    large  = "t3.xlarge"
  }
}

data "aws_subnet" "first" {
  id = var.subnet_ids[0]
}

data "aws_vpc" "this" {
  id = data.aws_subnet.first.vpc_id
}

data "aws_ssm_parameter" "ubuntu" {
  count = var.ami_id == null ? 1 : 0

  name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
}

resource "aws_key_pair" "this" {
  key_name   = var.name
  public_key = var.ssh_public_key

  tags = var.tags
}

resource "aws_security_group" "this" {
  name        = "${var.name}-instance"
  description = "What reaches ${var.name}: its network"
  vpc_id      = data.aws_vpc.this.id

  tags = merge({ Name = "${var.name}-instance" }, var.tags)
}

resource "aws_vpc_security_group_ingress_rule" "network" {
  security_group_id = aws_security_group.this.id
  description       = "From inside the network"
  ip_protocol       = "-1"
  cidr_ipv4         = data.aws_vpc.this.cidr_block

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.this.id
  description       = "As far as the network leads"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"

  tags = var.tags
}

resource "aws_instance" "this" {
  ami                         = var.ami_id == null ? nonsensitive(data.aws_ssm_parameter.ubuntu[0].value) : var.ami_id
  instance_type               = local.instance_types[var.size]
  subnet_id                   = var.subnet_ids[0]
  vpc_security_group_ids      = [aws_security_group.this.id]
  key_name                    = aws_key_pair.this.key_name
  associate_public_ip_address = false
  user_data                   = var.startup_script == "" ? null : var.startup_script
  user_data_replace_on_change = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted   = true
    volume_type = "gp3"
    volume_size = var.disk_gb
    tags        = merge({ Name = var.name }, var.tags)
  }

  tags = merge({ Name = var.name }, var.tags)

  lifecycle {
    ignore_changes = [ami]
  }
}
