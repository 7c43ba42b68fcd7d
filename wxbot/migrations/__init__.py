"""The schema's history (Alembic) and the one way to bring a database up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from wxbot.db import Database

HERE = Path(__file__).parent


def _config(database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["engine"] = database.engine
    return config


def upgrade(database: Database) -> None:
    """Bring the database to the newest schema; does nothing when it is there."""
    command.upgrade(_config(database), "head")


def revisions(database: Database) -> tuple[str | None, str | None]:
    """(the database's revision, the newest revision): equal when the schema is up to date."""
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_config(database)).get_current_head()
