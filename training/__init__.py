"""How the shipped weights are made: rows, fits, and our own prompts. None of it is installed with the product."""
