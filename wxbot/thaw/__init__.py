"""The way out of a freeze: what found orders were, which payments are released by name, and who opens the database again."""
