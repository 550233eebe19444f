"""A real nginx with the configuration of docker/nginx, on loopback."""

from __future__ import annotations

from tests.programs import ROOT
from tests.servers.services import Service, answers

MAIN = """\
worker_processes 2;
pid {root}/nginx.pid;
error_log {root}/error.log warn;
daemon off;
events {{ worker_connections 512; }}
http {{
    access_log {root}/access.log;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxied;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    include claw/maps.conf;
    include {upstream};
    server {{
        listen 127.0.0.1:{port};
        include claw/proxy.conf;
    }}
}}
"""


class NginxService(Service):
    """nginx that reads an upstream file which docker/deploy writes."""

    name = "nginx"

    def __init__(self, binary: str, upstream: str) -> None:
        super().__init__()
        self.binary = binary
        self.config = self.directory / "nginx.conf"
        (self.directory / "claw").symlink_to(ROOT / "docker" / "nginx")
        self.config.write_text(MAIN.format(root=self.directory, port=self.port, upstream=upstream), encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [self.binary, "-c", str(self.config), "-e", str(self.directory / "error.log")]

    @property
    def reload(self) -> list[str]:
        """What makes it read its files again."""
        return [*self.command(), "-s", "reload"]

    def is_ready(self) -> bool:
        return answers(self.port)
