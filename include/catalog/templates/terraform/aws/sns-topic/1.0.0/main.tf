resource "aws_sns_topic" "this" {
  name              = var.name
  kms_master_key_id = var.kms_key_id

  tags = var.tags
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Id      = "publishers"
    Statement = [{
      Sid       = "Publish"
      Effect    = "Allow"
      Action    = "SNS:Publish"
      Principal = { AWS = var.publisher_arns }
      Resource  = aws_sns_topic.this.arn
    }]
  })
}
