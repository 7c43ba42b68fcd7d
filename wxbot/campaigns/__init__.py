"""Campaigns: draft, launch, keep the pool of tickets filled, close."""
