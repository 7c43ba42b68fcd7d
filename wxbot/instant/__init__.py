"""Campaigns in which wxbot decides each draw itself: prizes, the draw, and the awards that it leaves owed."""
