"""The words about alerts that several places need."""
