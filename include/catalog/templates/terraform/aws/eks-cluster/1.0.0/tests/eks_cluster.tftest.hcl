mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/storefront-test" }
  }
}

variables {
  name       = "storefront-test"
  subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
}

run "only_the_network_reaches_the_control_plane_unless_told" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The endpoint must be private."
  }

  assert {
    condition     = contains(aws_eks_cluster.this.enabled_cluster_log_types, "audit") && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "What is done must be logged, and nobody administers it unnamed."
  }

  assert {
    condition     = aws_launch_template.node.metadata_options[0].http_tokens == "required" && aws_launch_template.node.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "Nodes must be as closed as other instances."
  }
}

run "networks_that_are_named_reach_it_too" {
  command = plan

  variables {
    public_cidrs    = ["192.0.2.0/24"]
    admin_role_arns = ["arn:aws:iam::123456789012:role/platform"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["192.0.2.0/24"])
    error_message = "That network, and no other, must be let in."
  }

  assert {
    condition     = one(aws_eks_access_entry.admin).principal_arn == "arn:aws:iam::123456789012:role/platform"
    error_message = "The role must administer the cluster."
  }
}

run "refuses_the_whole_internet" {
  command = plan

  variables {
    public_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.public_cidrs]
}

run "refuses_fewer_at_most_than_at_least" {
  command = plan

  variables {
    min_nodes = 9
  }

  expect_failures = [aws_eks_node_group.this]
}
