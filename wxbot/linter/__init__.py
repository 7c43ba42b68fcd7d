"""What a marketer writes, read as WeChat's inspectors and the law read it."""
