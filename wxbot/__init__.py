"""A WeChat official account that pays people."""
