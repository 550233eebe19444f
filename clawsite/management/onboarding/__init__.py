"""The steps of `manage.py onboard`. Each may be repeated: it sees what is there, does what is missing and says so."""
