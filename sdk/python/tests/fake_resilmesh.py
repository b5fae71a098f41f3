"""Stands in for the program: answers questions from a file, and notes them in another one."""

import json
import os
import sys


def main():
    assert sys.argv[1:3] == ["api", "-C"], sys.argv
    with open(os.environ["FAKE_ANSWERS"]) as file:
        answers = json.load(file)
    for line in sys.stdin:
        message = json.loads(line)
        request = message["request"]
        with open(os.environ["FAKE_QUESTIONS"], "a") as file:
            print(json.dumps({"folder": sys.argv[3], **request}), file=file)
        answer = answers.get(request["what"], {"value": None})
        for item in answer.get("items", ()):
            print(json.dumps({"type": "item", "ask": message["ask"], "value": item}), flush=True)
        if answer.get("dies"):
            sys.exit(3)
        kept = {key: value for key, value in answer.items() if key in ("value", "error")}
        print(json.dumps({"type": "answer", "ask": message["ask"], **kept}), flush=True)


main()
