"""Answers every request with all files of a folder as they were when it read them: at its start and on SIGHUP.

serve.py FOLDER; the first line of FOLDER/serve.txt is where it listens.
"""

import os
import signal
import socket
import sys


def read():
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names)
    return "".join(f"-- {os.path.relpath(path, sys.argv[1])}\n{open(path).read()}\n" for path in paths).encode()


content = read()


def reload(*_):
    global content
    content = read()


signal.signal(signal.SIGHUP, reload)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
with open(os.path.join(sys.argv[1], "serve.txt")) as told:
    host, port = told.readline().strip().rsplit(":", 1)
server = socket.create_server((host, int(port)))
while True:
    client, _ = server.accept()
    with client:
        client.settimeout(5)
        try:
            client.recv(4096)
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
        except OSError:
            pass  # who asked did not wait for the answer
