"""Alembic's entry: runs the migrations on the engine that `upgrade` hands over, in one transaction."""

from alembic import context

from wxbot.schema import Base

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
