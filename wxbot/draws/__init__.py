"""Draws: who may draw now, the signed draw, and what WeChat bound."""
