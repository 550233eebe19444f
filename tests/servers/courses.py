"""A Prometheus whose series follow courses that a test writes down: a value, or none, for every moment.

It answers ranges as the real one does (steps, values as text, NaN) and can fall silent. The real one is used where
its own behaviour matters; here the past of weeks is there at once.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from tests.servers.hosting import Hosted
from tests.servers.http import HttpServer
from tests.servers.wire import Request, Response

Course = Callable[[float], float | None]
Labels = tuple[tuple[str, str], ...]


class CourseServer(Hosted):
    """Courses by expression, each with the labels of its series."""

    def __init__(self) -> None:
        super().__init__()
        self.courses: dict[str, dict[Labels, Course]] = {}
        self.asked: list[dict[str, str]] = []
        self.is_broken = False
        self._server = HttpServer(self._answer)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    async def _open(self) -> None:
        await self._server.open()

    async def _close(self) -> None:
        await self._server.close()

    def put(self, expression: str, course: Course, **labels: str) -> None:
        """Say how a series of an expression goes."""
        self.courses.setdefault(expression, {})[tuple(sorted(labels.items()))] = course

    def _answer(self, request: Request) -> Response:
        if self.is_broken:
            return Response.from_json({"status": "error", "errorType": "internal", "error": "broken"}, 500)
        form = dict(parse_qsl(request.body.decode()))
        self.asked.append(form)
        courses = self.courses.get(form["query"])
        if courses is None:
            told = {"status": "error", "errorType": "bad_data", "error": "parse error: unknown expression"}
            return Response.from_json(told, 400)
        rows = [{"metric": dict(labels), "values": _values(course, form)} for labels, course in courses.items()]
        found = [row for row in rows if row["values"]]
        return Response.from_json({"status": "success", "data": {"resultType": "matrix", "result": found}})


def _values(course: Course, form: dict[str, str]) -> list[list[object]]:
    start, end, step = (float(form[name]) for name in ("start", "end", "step"))
    times = [start + number * step for number in range(int((end - start) / step + 1e-6) + 1)]
    known = ((at, course(at)) for at in times)
    return [[at, str(value).replace("nan", "NaN")] for at, value in known if value is not None]
