"""The program that runs a skill's function inside the sandbox. It is given as text to a bare Python: the standard
library alone, nothing of clawsite.

In: {"file", "function", "arguments", "answers"} as JSON. Out: {"text"} when the function returned, {"request"} when it
yielded for the first time what has no answer yet, {"error"} when it failed. What the function prints goes nowhere.
"""

import inspect
import json
import os
import sys


def _run(job: dict) -> dict:  # type: ignore[type-arg]
    names = {"__name__": "tools", "__file__": job["file"]}
    with open(job["file"], encoding="utf-8") as file:
        exec(compile(file.read(), job["file"], "exec"), names)  # noqa: S102  the skill's code, which an admin enabled
    result = names[job["function"]](job["arguments"])
    if not inspect.isgenerator(result):
        return {"text": _text(result)}
    answers = iter([None, *job["answers"]])
    for answer in answers:
        try:
            request = result.send(answer)
        except StopIteration as end:
            return {"text": _text(end.value)}
    return {"request": request}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _main() -> None:
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    job = json.load(sys.stdin)
    sys.path.insert(0, os.path.dirname(job["file"]))
    sys.pycache_prefix = "/nowhere"  # compiled files beside the skill are never taken
    try:
        answer = json.dumps(_run(job))
    except BaseException as error:
        answer = json.dumps({"error": f"{type(error).__name__}: {error}"[:500]})
    with open(out, "w", encoding="utf-8") as file:
        file.write(answer)


_main()
