# Nineteen resources in four classes: found again by a tag, of a fixed name, children without tags, and slow ones.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "prefix" {
  type = string
}

# -- random ids, tagged ----------------------------------------------------------------------------------

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "zones" {
  count      = 4
  vpc_id     = aws_vpc.main.id
  cidr_block = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
}

resource "aws_eip" "same" {
  count  = 2
  domain = "vpc"
}

resource "aws_security_group" "app" {
  name   = "${var.prefix}-app"
  vpc_id = aws_vpc.main.id
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
}

# -- fixed names -----------------------------------------------------------------------------------------

resource "aws_s3_bucket" "assets" {
  bucket = "${var.prefix}-assets"
}

resource "aws_dynamodb_table" "orders" {
  name         = "${var.prefix}-orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_iam_role" "app" {
  name = "${var.prefix}-app"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_ssm_parameter" "url" {
  name           = "/${var.prefix}/url"
  type           = "String"
  insecure_value = "https://example.org"
}

# -- children without tags -------------------------------------------------------------------------------

resource "aws_route" "out" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  count          = 2
  route_table_id = aws_route_table.public.id
  subnet_id      = aws_subnet.zones[count.index].id
}

resource "aws_iam_role_policy" "app" {
  name   = "app"
  role   = aws_iam_role.app.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }] })
}

# -- slow: the provider waits ten seconds and more after the creation ----------------------------------------

resource "aws_ebs_volume" "data" {
  availability_zone = "us-east-1a"
  size              = 1
}

resource "aws_vpc" "slow" {
  cidr_block           = "10.9.0.0/16"
  enable_dns_hostnames = true
}
