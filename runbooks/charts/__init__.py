"""Charts as pictures for chats: light lines on a dark ground, large enough for a phone.

A picture holds numbers, times and names in plain ASCII only, because the one typeface that comes along has no other
letters; what is said in a language stands in the message beside it.
"""

from __future__ import annotations

from runbooks.charts.drawing import draw
from runbooks.charts.files import FOLDER, clean_charts, save_chart
from runbooks.charts.values import Chart, Line, Span

__all__ = ["FOLDER", "Chart", "Line", "Span", "clean_charts", "draw", "save_chart"]
