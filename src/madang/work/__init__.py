"""The worker: runs what is due later, and knows nothing of what that is."""
