"""The tools that come with the product, and the registry they stand in."""
