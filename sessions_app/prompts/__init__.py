"""The eight prompt layers, their budgets and their composition."""
