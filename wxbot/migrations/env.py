"""Alembic's entry: runs the migrations on the engine that `upgrade` hands over, alone and in one transaction."""

from alembic import context

from wxbot.migrations import alone
from wxbot.schema import Base

with alone(context.config.attributes["engine"]) as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
