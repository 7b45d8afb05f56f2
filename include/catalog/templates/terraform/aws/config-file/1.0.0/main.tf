locals {
  content = templatefile("${path.module}/templates/service.properties.tftpl", {
    service  = var.service
    settings = var.settings
    features = var.features
  })
}

resource "aws_s3_object" "this" {
  bucket                 = var.bucket
  key                    = var.key
  content                = local.content
  content_type           = "text/plain; charset=utf-8"
  etag                   = md5(local.content)
  server_side_encryption = "AES256"

  tags = var.tags
}
