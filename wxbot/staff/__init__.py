"""Staff: sign-in, roles and the audit log of the console."""
