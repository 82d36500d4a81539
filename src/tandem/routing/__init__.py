"""The policy engine: pure functions over a request and its candidates. No I/O, no clock, no await."""
