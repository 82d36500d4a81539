"""What went where, how long it took and what it cost: a SQLite file whose lines are signed receipts. Never the text."""
