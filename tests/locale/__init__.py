"""Translations: collected from the sources, kept in .po files, compiled into .mo files, and tested.

python -m tests.locale update     collect texts from the sources into the .po files (new ones come without words)
python -m tests.locale compile    write the .mo files
python -m tests.locale check      say what is missing, left over, out of date or broken
"""
