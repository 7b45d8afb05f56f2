"""What executions were made of: their records and plans in, bills of materials out; compared, replayed, exported."""
