"""What a command prints for programs: JSON, with --json.

It stands apart from wxbot/cli/desk.py, which loads the database's library and all of WeChat's clients: a command that needs
neither (wxbot hall verify) starts in a fraction of the time.
"""

import json
from typing import Any

import click

as_json = click.option("--json", "is_json", is_flag=True, help="print JSON instead of a table")


def show_json(value: Any) -> None:
    """Print JSON: UTF-8, sorted, times as ISO text."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str))
