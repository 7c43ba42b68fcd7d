"""WeChat's wire: what it sends, what it accepts, what it refuses. Knows nothing else of wxbot.

Section numbers in docstrings ("wechat-protocol §1.4") point into docs/reference/wechat-protocol.md.
"""
