"""Mail to people: an outbox in the database."""
