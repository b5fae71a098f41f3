"""A service for tests: answers every GET with the content of a file, and starts a helper.

service.py PORT FILE [--wait GATE] [--deaf] [--exit CODE]
--wait: answers 503 until the file GATE is there. --deaf: does not listen to SIGTERM.
SIGUSR2 makes it print that content, in two pieces.
--exit: says that it does not like its configuration, and ends with this code.
"""

import argparse
import http.server
import os
import signal
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("file")
parser.add_argument("--wait")
parser.add_argument("--deaf", action="store_true")
parser.add_argument("--exit", type=int)
options = parser.parse_args()
if options.exit is not None:
    sys.exit(print("the configuration is not to my taste", file=sys.stderr) or options.exit)


def read():
    with open(options.file, "rb") as file:
        return file.read()


content = read()


def reload(*_):
    global content
    content = read()


def say(*_):
    text = read() + b"\n"
    os.write(1, text[: len(text) // 2])
    os.write(2, text[len(text) // 2 :])


signal.signal(signal.SIGHUP, reload)
signal.signal(signal.SIGUSR2, say)
signal.signal(signal.SIGTERM, signal.SIG_IGN if options.deaf else lambda *_: os._exit(0))


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if options.wait and not os.path.exists(options.wait) else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except BrokenPipeError:
            pass  # who asked did not wait for the answer

    def log_message(self, *_):
        """Says nothing of each request: the log holds what the tests look for."""


server = http.server.HTTPServer(("127.0.0.1", options.port), Answer)
# A helper in a session of its own that nobody would find by process group.
helper = subprocess.Popen(["sleep", "1000"], start_new_session=True)
with open("helper.pid", "w") as file:
    file.write(str(helper.pid))
with open("environment", "w") as file:
    file.write("\n".join(sorted(os.environ)))
print("listening", flush=True)
server.serve_forever()
