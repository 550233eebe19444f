"""The tables of waffle that exist here. Its own migrations also make those of a flag that is not in use.

On PostgreSQL such a table, which no model knows, would stand in the way of emptying those it refers to.
"""
