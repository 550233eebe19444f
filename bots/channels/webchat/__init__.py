"""The chat in the browser. There is no platform: the page shows message rows."""
