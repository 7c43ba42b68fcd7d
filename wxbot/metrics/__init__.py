"""What an operator wants to know of a deployment, read from rows: `snapshot.take` is the one place, /metrics and alerts use it."""
