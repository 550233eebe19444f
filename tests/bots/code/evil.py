"""What a hostile program in a project tries. Run in the sandbox by test_hostile; says what it got."""

import contextlib
import os
import socket
import sys
from pathlib import Path

HOME = str(Path.cwd().parents[4])
PORT = int(sys.argv[2])


def environment() -> None:
    print(sorted(os.environ.items()))
    with contextlib.suppress(OSError), open("/proc/1/environ", encoding="utf-8") as file:
        print(file.read())


def outside() -> None:
    for path in (
        f"{HOME}/secret.key",
        "/etc/shadow",
        "/root/.ssh/id_rsa",
        "../../repo.git/config",
        "../../tree/app.py",
    ):
        try:
            with open(path, encoding="utf-8") as file:
                print("read", path, file.read())
        except OSError as error:
            print("no", path, error.strerror)
    for path in (f"{HOME}/written", "/usr/written", "../../repo.git/hooks/post-commit", "../../tree/written"):
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("x")
            print("wrote", path)
        except OSError as error:
            print("no", path, error.strerror)


def network() -> None:
    for family, address in ((socket.AF_INET, ("127.0.0.1", PORT)), (socket.AF_INET, ("192.0.2.1", 80))):
        try:
            with socket.socket(family) as line:
                line.settimeout(2)
                line.connect(address)
            print("connected", address)
        except OSError as error:
            print("no", error.strerror)


def links() -> None:
    os.symlink("/etc", "etc")
    os.symlink(f"{HOME}/secret.key", "key.txt")
    os.symlink("../../repo.git", "repo")
    os.makedirs(".git/hooks", exist_ok=True)
    with open(".git/config", "w", encoding="utf-8") as file:
        file.write("[core]\n\tfsmonitor = touch pwned\n")


def fork() -> None:
    count = 0
    with contextlib.suppress(OSError):
        while count < 5000:
            if os.fork() == 0:
                socket.socketpair()[0].recv(1)
            count += 1
    print("forked", count)
    sys.stdout.flush()
    os._exit(3)


def fill() -> None:
    size = 0
    try:
        with open("big", "wb") as file:
            while size < 8 * 1024**3:
                size += file.write(b"x" * 1024**2)
                file.flush()
    except OSError as error:
        print("no", error.strerror)


def flood() -> None:
    for _ in range(1024):
        sys.stdout.write("y" * 1024**2)


globals()[sys.argv[1]]()
