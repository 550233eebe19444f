"""Remember: channels, contacts, sessions, messages and facts."""
