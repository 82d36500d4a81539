"""One file for each way of running the model. Each runs in a process of its own (`bench.child`)."""
