"""The demo: everything on this machine with one command, on a WeChat of our own."""
