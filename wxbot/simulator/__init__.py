"""A WeChat on this machine, for development and tests. It imports nothing else of wxbot and works for any WeChat client.

Rules (no HTTP in them): people, accounts, shake, bank. Doors (HTTP): mp, oauth, shakearound, pay, bridge, pages, control.
Start it with `python -m wxbot.simulator`, or `Simulator(config).start()` inside another program.
"""
