"""A `resilmesh` of a script's own: started once for a project, and kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading

from resilmesh._host import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

_started: dict[str, _Process] = {}
_starting = threading.Lock()


def replies(folder: str, request: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What comes for a question about the project in a folder."""
    with _starting:
        process = _started.get(folder)
        if process is None or not process.lives():
            process = _started[folder] = _Process(folder)
    return process.ask(request)


def stream(folder: str, request: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What comes one by one: by a process of its own, so that other questions can be asked meanwhile."""
    process = _Process(folder)
    try:
        yield from process.ask(request)
    finally:
        process.end()


class _Process:
    def __init__(self, folder: str):
        program = os.environ.get("RESILMESH") or shutil.which("resilmesh")
        if program is None:
            raise RequestError(
                "the program resilmesh was not found", "install it, or set RESILMESH to where it is"
            )
        try:
            self._process = subprocess.Popen(
                [program, "api", "-C", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
            )
        except OSError as error:
            raise RequestError(f"{program} could not be started: {error.strerror}") from error
        self._pid = os.getpid()
        self._last = 0
        self._one_by_one = threading.Lock()

    def lives(self) -> bool:
        return self._pid == os.getpid() and self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        with self._one_by_one:
            self._last += 1
            number = self._last
            line = json.dumps({"type": "ask", "ask": number, "call": 0, "request": request})
            for message in self._lines_after(line):
                if message.get("ask") != number:
                    continue  # of a question that nobody waits for any more
                if message.get("type") == "item":
                    yield "item", message.get("value")
                elif message.get("error") is not None:
                    yield "refused", message["error"]
                else:
                    yield "answer", message.get("value")

    def end(self) -> None:
        """Lets it end whatever is under way."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.close()
        stdout.close()
        self._process.wait()

    def _lines_after(self, line: str) -> Iterator[dict[str, Any]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            stdin.write(line + "\n")
            stdin.flush()
        except OSError:
            raise self._gone() from None
        for answer in stdout:
            yield json.loads(answer)
        raise self._gone()

    def _gone(self) -> RequestError:
        status = self._process.wait()
        return RequestError(f"resilmesh api ended with status {status}", "its messages are above")
