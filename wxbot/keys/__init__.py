"""The secret key of a deployment: whether it is the one this database was sealed with, and the change to another one."""
