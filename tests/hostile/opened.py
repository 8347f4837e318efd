"""Which files a command of qchain really opens, and where it connects to: by strace, whatever the code says of itself."""

import os
import pathlib
import re
import subprocess
import tempfile

CALLS = "open,openat,openat2,creat,connect,execve,name_to_handle_at,open_by_handle_at"
# "openat(AT_FDCWD, "NAME", O_RDONLY|O_CLOEXEC) = 3</real/name>"
LINE = re.compile(r'(\w+)\((?:\w+(?:<[^>]*>)?, )?"((?:[^"\\]|\\.)*)", ([^)]*)\) += (-?\d+)(?:<(.*)>)?')
# What any program opens before main(), and what says who holds a lock: none of it named by an image.
OF_THE_SYSTEM = ("/etc/ld.so", "/lib", "/usr/lib", "/proc", "/sys/", "/dev/null", "/usr/share/zoneinfo", "/etc/localtime")


class Opened:
    """What one run has opened. Names that were only touched (O_PATH) are not opened: no driver, no FIFO was asked."""

    def __init__(self, status, err, trace):
        self.status, self.err = status, err
        self.tried, self.files, self.touched, self.connected = set(), set(), set(), "connect(" in trace
        for call, name, flags, result, real in LINE.findall(trace):
            if call == "execve":
                continue
            name = name.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")
            self.tried.add(name)
            if int(result) < 0:
                continue
            kind = self.touched if "O_PATH" in flags else self.files
            kind.add(real or name)

    def beyond_the_system(self):
        return {name for name in self.files if not name.startswith(OF_THE_SYSTEM)}


def trace(command, folder, stdin=subprocess.DEVNULL):
    with tempfile.TemporaryDirectory() as log:
        path = pathlib.Path(log) / "trace"
        traced = ["strace", "-f", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(path), *command]
        done = subprocess.run(traced, cwd=folder, stdin=stdin, capture_output=True, check=False, timeout=120)
        return Opened(done.returncode, done.stderr.decode("utf-8", "replace"), path.read_text("utf-8", "replace"))


def program():
    return os.environ["QCHAIN_BINARY"]
