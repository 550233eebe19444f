"""The dashboard: what it shows now (`figures`), what it draws (`charts`, `history`), and its socket (`consumer`)."""
