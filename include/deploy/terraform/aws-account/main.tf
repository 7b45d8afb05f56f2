data "aws_partition" "this" {}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "What MCOP deploys to this account with"
  max_session_duration = var.session_hours * 3600
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      {
        Effect    = "Allow"
        Principal = { AWS = var.worker_role_arn }
        Action    = "sts:AssumeRole"
      },
      { for name in ["Condition"] : name => { StringEquals = { "sts:ExternalId" = var.external_id } } if var.external_id != null },
    )]
  })

  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "primitives" {
  for_each = toset(var.policy_arns)

  role       = aws_iam_role.this.name
  policy_arn = each.key
}

# What MCOP itself asks for here, whatever primitives do: which resources carry the tag of a component, to find what was
# being made when something died.
resource "aws_iam_role_policy" "search" {
  name = "mcop-search"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for one in yamldecode(templatefile("${path.module}/permissions.yaml", { partition = data.aws_partition.this.partition })).search : {
      Sid      = one.sid
      Effect   = "Allow"
      Action   = one.actions
      Resource = one.resources
    }]
  })
}
