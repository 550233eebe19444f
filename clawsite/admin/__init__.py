"""Admin pages that need several apps."""
