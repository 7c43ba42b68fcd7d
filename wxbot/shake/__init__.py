"""WeChat's shake-around lottery, a way in which a campaign gives."""
