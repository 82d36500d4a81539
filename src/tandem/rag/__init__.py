"""People's files: read, found again, and answered from. It knows the core and nothing else of Tandem."""
