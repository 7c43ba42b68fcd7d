"""Campaigns: draft, launch, close; how one gives is asked of its mechanic."""
