mock_provider "aws" {}

variables {
  bucket   = "acme-storefront-test-files"
  key      = "config/storefront.properties"
  service  = "storefront"
  settings = { "orders.table" = "storefront-test-orders", "listen.port" = "8443" }
  features = { wishlist = true, gift_cards = false }
}

run "writes_one_line_per_setting" {
  command = plan

  assert {
    condition     = aws_s3_object.this.content == <<-EOT
      # Configuration of storefront. Written by MCOP; changes made here are undone by the next run.
      service.name=storefront
      listen.port=8443
      orders.table=storefront-test-orders
      feature.gift_cards=off
      feature.wishlist=on
    EOT
    error_message = "Settings and features must stand sorted, one a line."
  }
}

run "tells_where_the_file_is" {
  command = plan

  assert {
    condition     = output.uri == "s3://acme-storefront-test-files/config/storefront.properties"
    error_message = "The address must name bucket and key."
  }
}

run "a_value_cannot_add_a_line" {
  command = plan

  variables {
    settings = { "orders.table" = "orders\nfeature.admin=on" }
  }

  expect_failures = [var.settings]
}

run "refuses_another_kind_of_file" {
  command = plan

  variables {
    key = "config/storefront.json"
  }

  expect_failures = [var.key]
}
