"""The shapes that outside services publish of their interfaces, and whether our emulators keep to them."""
