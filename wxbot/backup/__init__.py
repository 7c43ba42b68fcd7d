"""Copies of a deployment (`wxbot db backup`) and their way back (`wxbot db restore`): database and photos in one file.

`archive` is the file and its checksums, `facts` what must be the same before and after, `tables` PostgreSQL's rows in both
directions, `make` and `restore` the two verbs. A copy is one tar of plain members, so that it can be looked into by hand.
"""
