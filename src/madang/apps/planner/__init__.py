"""The planner's files, page and API; the model is in `madang.plan`."""
