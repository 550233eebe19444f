"""An S3-compatible server in a process of its own: moto's, which others wrote, with one bucket."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

from tests.clawsite.running import until
from tests.ports import free_port

BUCKET = "backups"


class S3Server:
    """Where it is."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def address(self, folder: str) -> str:
        """Return what CLAW_BACKUP_S3 says for a folder of the bucket."""
        return f"s3://{BUCKET}/{folder}?endpoint={self.url}&region=us-east-1"

    def make_bucket(self) -> bool:
        """Make the bucket, which this server lets anybody do; False while it does not answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("PUT", f"/{BUCKET}", headers={"Content-Length": "0"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[S3Server]:
        """Run it until the test is over."""
        server = cls(free_port())
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(server.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(server.make_bucket, seconds=60, what="the storage is up")
            yield server
        finally:
            process.kill()
            process.wait()
