resource "aws_iam_role_policy" "this" {
  name = var.name
  role = var.role_name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in var.statements : merge(
        {
          Sid      = statement.sid
          Effect   = statement.effect
          Action   = statement.actions
          Resource = statement.resources
        },
        length(statement.conditions) == 0 ? {} : {
          Condition = {
            for operator in distinct(statement.conditions[*].operator) : operator => {
              for condition in statement.conditions : condition.key => condition.values
              if condition.operator == operator
            }
          }
        },
      )
    ]
  })
}
