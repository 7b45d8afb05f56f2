output "path" {
  description = "Beginning of all names."
  value       = var.path
}

output "parameter_names" {
  description = "Full names of all parameters, sorted."
  value = sort(concat(
    [for parameter in aws_ssm_parameter.text : parameter.name],
    [for parameter in aws_ssm_parameter.list : parameter.name],
    [for parameter in aws_ssm_parameter.secret : parameter.name],
  ))
}
