"""The rules of chat: state, history, moderation, commands and words. No clock, no database."""
