"""Flow control by the clock."""

from __future__ import annotations

from clawsite.web.chat.flow import MAX_FRAMES, SILENT_SECONDS, SLOW_BYTES, Bucket, Window


def sent(window: Window, size: int = 10, *, now: float = 0.0) -> None:
    window.n += 1
    window.sent(size, now)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(rate=2.0, burst=3.0, at=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.5), bucket.take(0.5)] == [True, False]
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_a_window_is_lost_after_too_many_frames() -> None:
    window = Window()
    for _ in range(MAX_FRAMES):
        sent(window)
    assert not window.is_lost(0.0)
    sent(window)
    assert window.is_lost(0.0)
    window.acked(1)
    assert not window.is_lost(0.0)


def test_a_window_is_lost_after_silence() -> None:
    window = Window()
    assert not window.is_lost(1e9)
    sent(window, now=10.0)
    assert not window.is_lost(10.0 + SILENT_SECONDS)
    assert window.is_lost(10.1 + SILENT_SECONDS)
    window.acked(1)
    assert not window.is_lost(1e9)


def test_a_window_is_slow_while_much_is_on_its_way() -> None:
    window = Window()
    sent(window, SLOW_BYTES)
    sent(window, 1)
    assert window.is_slow()
    window.acked(1)
    assert not window.is_slow()


def test_an_acknowledgement_of_what_was_never_sent_is_no_credit() -> None:
    window = Window()
    sent(window, 100)
    window.acked(10_000)
    sent(window, 50)
    assert window.size == 50
