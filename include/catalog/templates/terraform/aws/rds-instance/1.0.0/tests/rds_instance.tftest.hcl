mock_provider "aws" {}

variables {
  name       = "storefront-test"
  subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
}

run "is_closed_encrypted_and_protected_unless_told" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted && aws_db_instance.this.deletion_protection
    error_message = "Nobody outside may reach it, nobody may read its disks, nobody may delete it."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS must make the password, so that no state holds it."
  }

  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.backup_retention_period == 7 && !aws_db_instance.this.skip_final_snapshot
    error_message = "It must outlive a zone, a mistake and its destruction."
  }

  assert {
    condition     = one(aws_db_parameter_group.this.parameter).name == "rds.force_ssl" && aws_db_parameter_group.this.family == "postgres16"
    error_message = "Connections must be encrypted."
  }
}

run "a_given_password_is_not_managed" {
  command = plan

  variables {
    password = "s3cr3t-of-the-test"
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password == null
    error_message = "Only one of both can own the password."
  }
}

run "the_parameters_are_those_of_the_major_version" {
  command = plan

  variables {
    engine_version = "15.8"
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "postgres15"
    error_message = "15.8 is of the family postgres15."
  }
}

run "refuses_a_short_password" {
  command = plan

  variables {
    password = "short"
  }

  expect_failures = [var.password]
}

run "refuses_one_subnet" {
  command = plan

  variables {
    subnet_ids = ["subnet-0123456789abcdef0"]
  }

  expect_failures = [var.subnet_ids]
}

run "refuses_less_storage_at_most_than_at_first" {
  command = plan

  variables {
    storage_gb = 200
  }

  expect_failures = [aws_db_instance.this]
}
