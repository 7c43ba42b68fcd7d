"""A restored copy of the database: it knows that it is one, sends nothing, and is thawed."""
