"""The device engine: one sealed worker process for each loaded model."""
