mock_provider "aws" {
  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }
}

variables {
  name       = "storefront-test-worker"
  subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
}

run "is_closed_and_encrypted_unless_told" {
  command = plan

  assert {
    condition     = !aws_instance.this.associate_public_ip_address
    error_message = "There must be no public address."
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "The metadata service must want a token, and answer the instance alone."
  }

  assert {
    condition     = aws_instance.this.root_block_device[0].encrypted
    error_message = "The root volume must be encrypted."
  }

  assert {
    condition     = aws_instance.this.ami == "ami-0123456789abcdef0" && endswith(data.aws_ssm_parameter.amazon_linux[0].name, "x86_64")
    error_message = "The image must be the newest Amazon Linux for the type."
  }
}

run "the_image_follows_the_architecture" {
  command = plan

  variables {
    instance_type = "t4g.small"
  }

  assert {
    condition     = endswith(data.aws_ssm_parameter.amazon_linux[0].name, "arm64")
    error_message = "A Graviton type must get an image for it."
  }
}

run "an_image_of_ones_own_is_taken_as_it_is" {
  command = plan

  variables {
    ami_id    = "ami-0fedcba9876543210"
    role_name = "storefront-test-service"
  }

  assert {
    condition     = aws_instance.this.ami == "ami-0fedcba9876543210" && length(data.aws_ssm_parameter.amazon_linux) == 0
    error_message = "Nothing must be looked up."
  }

  assert {
    condition     = aws_iam_instance_profile.this[0].role == "storefront-test-service"
    error_message = "Programs must be able to act as the role."
  }
}

run "instances_are_spread_by_their_index" {
  command = plan

  variables {
    subnet_index = 3
  }

  assert {
    condition     = aws_instance.this.subnet_id == "subnet-0123456789abcdef1"
    error_message = "The fourth instance must be in the second of two subnets."
  }
}

run "refuses_a_name_in_place_of_an_image" {
  command = plan

  variables {
    ami_id = "amazon-linux"
  }

  expect_failures = [var.ami_id]
}
