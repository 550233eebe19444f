"""What is written about incidents beside their cards."""
