"""`wxbot live`: one process for the open streams of halls, told by Redis what to say.

It knows nobody's money. What it imports is the ground, a phone's session and the pure parts of a hall (a contract in
pyproject.toml and tests/live/test_apart.py hold it to that), and it writes one thing: how far the runners of a race have come,
in one statement a second. Any number of these processes serve streams; in each hall one of them counts (wxbot/live/lease).
"""
