"""The one port: wire formats in, core events out, wire formats back."""
