"""The state that each machine shall have, as values. Pure."""
