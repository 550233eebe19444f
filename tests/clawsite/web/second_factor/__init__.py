"""The second factor of the admin pages."""
