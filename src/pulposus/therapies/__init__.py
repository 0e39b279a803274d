"""The clinic's therapies: what is written in a protocol, and what it does to a disc."""
