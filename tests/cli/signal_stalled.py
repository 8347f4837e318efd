"""Sends a signal to work that is surely under way: signal_stalled.py SIGNAL default|ignored NAME QCHAIN WORD...

NAME is what its progress lines begin with that it stalls in.

Its progress lines go to a pipe with room for one line only, so it stalls at the second one until the signal has reached
it. Prints the exit status and the last line of stderr."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time

name, disposition, work, *command = sys.argv[1:]
before = b"Block Commit: [100 %]\n" if work == "Verify" else b""
first_line = before + f"{work}: [  0 %]\n".encode()

reader, writer = os.pipe()
room = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
filler = b"." * (room - len(first_line))
os.write(writer, filler)


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("timed out")
        time.sleep(0.001)


def bytes_in_pipe():
    return int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, b"\0" * 4), sys.byteorder)


def no_signal_pending(pid):
    with open(f"/proc/{pid}/status") as status:
        return all(int(line.split()[1], 16) == 0 for line in status if line.startswith(("SigPnd", "ShdPnd")))


number = getattr(signal, "SIG" + name)
signal.signal(number, signal.SIG_IGN if disposition == "ignored" else signal.SIG_DFL)
worker = subprocess.Popen(command, stderr=writer, stdout=subprocess.DEVNULL)
os.close(writer)
wait_until(lambda: bytes_in_pipe() == room)
worker.send_signal(number)
wait_until(lambda: no_signal_pending(worker.pid))
with os.fdopen(reader, "rb") as rest:
    lines = rest.read().splitlines()
print("status", worker.wait())
print(lines[-1].decode())
