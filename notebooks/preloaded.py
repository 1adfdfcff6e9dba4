"""Kernels that start within a tenth of a second: forks of a process that has imported libraries.

Importing torch, pandas and matplotlib takes every kernel several seconds. `kernels` imports them
once; each notebook then runs in a fork, with a fresh namespace. Modules of this project are not
imported before the fork: a notebook that forgets to import one fails.

    with kernels() as address:
        execute(path, folder, TIMEOUT, address)

This file is run in two more ways, by `kernels` and by Jupyter:

    python -m notebooks.preloaded serve ADDRESS
    python preloaded.py start ADDRESS -f CONNECTION_FILE
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
#: What notebooks import from others than this project.
LIBRARIES = ("matplotlib.pyplot", "matplotlib_inline.backend_inline", "numba", "pandas", "torch")
SECONDS = "processor_seconds"  # file in the folder of a notebook


@contextmanager
def kernels() -> Iterator[str]:
    """Yield the address of a process that forks kernels; it ends with the block."""
    with TemporaryDirectory() as folder:
        address = str(Path(folder) / "kernels")
        command = [sys.executable, "-m", "notebooks.preloaded", "serve", address]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield address
            # It ends when its input ends, also where this process is killed.


def install(folder: Path, address: str) -> str:
    """Write a kernel of Jupyter that is forked at `address`, and return its name."""
    spec = folder / "kernels" / "preloaded" / "kernel.json"
    spec.parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-S", __file__, "start", address, "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "preloaded", "language": "python"}))
    return "preloaded"


def _serve(address: str) -> None:
    """Import the libraries, then fork a kernel for everyone who connects."""
    from importlib import import_module

    for name in ("ipykernel.kernelapp", *LIBRARIES):
        import_module(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended kernels leave nothing behind
        while _connects(listener):
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                _run_kernel(connection)
                os._exit(0)
            connection.close()


def _connects(listener: socket.socket) -> bool:
    """Wait for a connection; return False if the process that wants kernels has ended."""
    from select import select

    return sys.stdin not in select([listener, sys.stdin], [], [])[0]


def _run_kernel(connection: socket.socket) -> None:
    """Run a kernel until it is shut down, or the process that asked for it is gone."""
    from ipykernel.kernelapp import launch_new_instance

    with connection.makefile("rb") as lines:
        wanted = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.environ.pop("JPY_PARENT_PID", None)  # the parent is another process
    os.chdir(wanted["folder"])
    sys.argv = ["ipykernel_launcher", *wanted["arguments"]]
    sys.path.insert(0, "")  # the folder in which the kernel runs

    def obey() -> None:
        """Interrupt the kernel for every byte that comes, and end it with the connection."""
        while connection.recv(1):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=obey, daemon=True).start()
    launch_new_instance()
    Path(SECONDS).write_text(str(time.process_time()))


def _start(address: str, arguments: list[str]) -> None:
    """Ask for a kernel, and stay until it ends: Jupyter takes this process for the kernel."""
    wanted = {"environment": dict(os.environ), "folder": os.getcwd(), "arguments": arguments}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        connection.sendall(json.dumps(wanted).encode() + b"\n")
        # Jupyter interrupts a kernel also before it shuts it down.
        signal.signal(signal.SIGINT, lambda *_: connection.sendall(b"i"))
        connection.recv(1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(sys.argv[2])
    else:
        _start(sys.argv[2], sys.argv[3:])
