"""The planner for everybody: its files, its page and its API. The model is in `plan`."""
