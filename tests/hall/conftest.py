"""Fixtures of the stories about halls: those of instant draws."""

from tests.instant.conftest import app, hong, marketer, ming

__all__ = ["app", "hong", "marketer", "ming"]
