"""Chat beside a channel: who may say what, what was said, and what moderators did."""
