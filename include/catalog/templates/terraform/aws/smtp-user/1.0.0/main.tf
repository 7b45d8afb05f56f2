resource "aws_iam_user" "this" {
  name = var.name
  path = var.path

  tags = var.tags
}

resource "aws_iam_user_policy" "send" {
  name = "send-mail"
  user = aws_iam_user.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "SendMail"
      Effect    = "Allow"
      Action    = "ses:SendRawEmail"
      Resource  = "*"
      Condition = { StringEquals = { "ses:FromAddress" = var.sender } }
    }]
  })
}

# A new generation replaces this, and with it the key.
resource "terraform_data" "generation" {
  triggers_replace = [var.generation]
}

resource "aws_iam_access_key" "this" {
  user = aws_iam_user.this.name

  lifecycle {
    # The new key is there before the old one goes; IAM allows two at a time.
    create_before_destroy = true
    replace_triggered_by  = [terraform_data.generation]
  }
}
