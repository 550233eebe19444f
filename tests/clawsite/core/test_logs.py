"""What a log line may hold, whatever is logged."""

from __future__ import annotations

import logging
import sys

from clawsite.core.logs import RedactFilter

KEY = "sk-ant-api03-" + "Ab1" * 20


def logged(message: str, *arguments: object) -> logging.LogRecord:
    record = logging.LogRecord("test", logging.INFO, __file__, 1, message, arguments, None)
    assert RedactFilter().filter(record)
    return record


def test_a_secret_in_an_argument_is_masked_and_one_event_is_one_line() -> None:
    assert logged("the key is %s\nand more", KEY).getMessage() == "the key is [secret]\\nand more"


def test_a_secret_in_a_traceback_is_masked() -> None:
    try:
        raise ValueError(KEY)
    except ValueError:
        record = logging.LogRecord("test", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    RedactFilter().filter(record)
    assert record.exc_text
    assert KEY not in record.exc_text


def test_arguments_that_do_not_fit_fail_nobody() -> None:
    assert logged("%d of %d", "one").getMessage() == "%d of %d (its arguments do not fit)"
