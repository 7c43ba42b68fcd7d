"""Strangers' files are read in a child: a small program without secrets, under limits of memory, time and files (S12, S47)."""
