#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pty.py ROWSxCOLS STEPS -- COMMAND...: a command on a terminal of its own.

STEPS is a list of lines: "expect TEXT", "send TEXT" (with \\r, \\x03), "size
ROWSxCOLS", "pause SECONDS", "hangup" (kill -9 the command). Prints all that the terminal showed,
then "status N" and "cooked yes|no": whether the terminal was put back.
"""
import fcntl, os, select, signal, struct, sys, termios, time

def size_set(fd, text):
    rows, cols = (int(n) for n in text.split("x"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

def main():
    size, steps, argv = sys.argv[1], sys.argv[2], sys.argv[sys.argv.index("--") + 1:]
    master, slave = os.openpty()
    size_set(master, size)
    before = termios.tcgetattr(slave)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(slave, fd)
        os.closerange(3, 100)
        os.execv(argv[0], argv)
    seen, mark = b"", 0

    def pump(seconds):
        nonlocal seen
        if select.select([master], [], [], seconds)[0]:
            seen += os.read(master, 65536)

    for step in steps.strip().split("\n"):
        word, _, rest = step.strip().partition(" ")
        text = rest.encode().decode("unicode_escape").encode("latin-1")
        if word == "expect":
            until = time.monotonic() + 10
            while seen.find(text, mark) < 0 and time.monotonic() < until:
                pump(0.1)
            at = seen.find(text, mark)
            if at < 0:
                print("MISSING", rest)
            mark = max(at, mark) + (len(text) if at >= 0 else 0)
        elif word == "send":
            os.write(master, text)
        elif word == "pause":
            until = time.monotonic() + float(rest)
            while time.monotonic() < until:
                pump(0.05)
        elif word == "size":
            size_set(master, rest)
        elif word == "hangup":
            os.kill(pid, signal.SIGKILL)
    until, ended, status = time.monotonic() + 10, 0, 0
    while ended == 0 and time.monotonic() < until:
        pump(0.05)
        ended, status = os.waitpid(pid, os.WNOHANG)
    if ended == 0:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    sys.stdout.write(seen.decode("utf-8", "replace").replace("\r\n", "\n"))
    print("\nstatus", os.waitstatus_to_exitcode(status) if ended else "none")
    print("cooked", "yes" if termios.tcgetattr(slave) == before else "no")

main()
