"""The rules as data: word lists, and one table of rules per language."""
