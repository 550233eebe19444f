"""Briefings: their numbers, their job, and when they are due."""
