"""One file for each wire format: its structs in, its structs out, and its routes."""
