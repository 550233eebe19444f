"""What is written about incidents."""
