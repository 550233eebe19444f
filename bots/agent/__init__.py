"""The model loop and its tools."""
