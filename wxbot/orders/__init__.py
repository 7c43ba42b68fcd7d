"""Orders: the only code that moves money. One Order is one mch_billno at WeChat Pay."""
