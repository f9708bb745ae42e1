"""Files: discovery, plan, store, workers and their pool."""
