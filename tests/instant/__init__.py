"""Draws that wxbot decides itself."""
