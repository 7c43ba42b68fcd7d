"""Dialogues in the chat: what is asked (declared), what is said (words), what is done (works), and who is where (engine)."""
