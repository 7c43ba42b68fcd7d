"""Draws: who may draw now, and the signed draw."""
