"""Meetings with a big screen: who wins, the log of the evening, and what a doubter can check."""
