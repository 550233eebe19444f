"""Runbooks, as other layers use them: read and write them, run them, see how a run goes."""

from runbooks.books.documents import read_book, write_book
from runbooks.books.plan import PlanChanged
from runbooks.books.previewing import Preview, preview_run
from runbooks.books.reading import access_run, latest_runs
from runbooks.books.showing import describe_run
from runbooks.books.spec import Book, BookError, Parameter
from runbooks.books.starting import get_runbook, read_run, start_run
from runbooks.books.store import find_runbook, list_runbooks, matching, parameters_of, save_book, to_book
from runbooks.books.undoing import roll_back

__all__ = [
    "Book",
    "BookError",
    "Parameter",
    "PlanChanged",
    "Preview",
    "access_run",
    "describe_run",
    "find_runbook",
    "get_runbook",
    "latest_runs",
    "list_runbooks",
    "matching",
    "parameters_of",
    "preview_run",
    "read_book",
    "read_run",
    "roll_back",
    "save_book",
    "start_run",
    "to_book",
    "write_book",
]
