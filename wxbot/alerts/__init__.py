"""Alerts that reach people: what is wrong (`conditions`), since when and who was told (`book`), and the way there (`targets`)."""
