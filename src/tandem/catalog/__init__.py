"""Which models exist, getting them with progress, and turning them into what the engine opens."""
