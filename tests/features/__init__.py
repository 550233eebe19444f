"""The stories of the users in their own words, told against the running bots role."""
