"""The admin as Alice, Bob and Charlie meet it."""
