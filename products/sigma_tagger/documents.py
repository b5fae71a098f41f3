"""Reads the part of YAML that rules are written in: maps, lists, plain and quoted values, lists in brackets, and
texts of several lines after `|` and `>`. Python has no reader of its own, and a module that needs none need not fetch one.
"""

import re


class DocumentError(ValueError):
    """A file is not of this part of YAML."""


def read(path):
    """The documents of a file."""
    with open(path, encoding="utf-8") as file:
        return parse(file.read(), path)


def parse(text, name="rules"):
    """The documents of a text."""
    documents, lines = [], []
    for number, line in enumerate(text.splitlines() + ["---"], 1):
        if line.rstrip() == "---":
            if any(_bare(own) for _, own in lines):
                documents.append(_Reader(lines, name).document())
            lines = []
        else:
            lines.append((number, line))
    return documents


def _bare(line):
    """A line without comment and without spaces at its end."""
    return re.sub(r"(^|\s)#.*$", "", line).rstrip() if "#" in line and not re.search(r"['\"].*#.*['\"]", line) else line.rstrip()


class _Reader:
    def __init__(self, lines, name):
        self.lines, self.name, self.at = lines, name, 0

    def document(self):
        found = self.block(self._peek()[1])
        if self._peek() is not None:
            self._wrong("stands too far left or right")
        return found

    def _wrong(self, what):
        number = self.lines[min(self.at, len(self.lines) - 1)][0]
        raise DocumentError(f"{self.name}:{number}: {what}")

    def _peek(self):
        """The next line that says something, and how far it is indented."""
        while self.at < len(self.lines):
            line = _bare(self.lines[self.at][1])
            if line.strip():
                if "\t" in line[: len(line) - len(line.lstrip())]:
                    self._wrong("is indented by a tab")
                return line.strip(), len(line) - len(line.lstrip())
            self.at += 1
        return None

    def block(self, indent):
        line, own = self._peek()
        if own != indent:
            self._wrong("stands too far left or right")
        return self.items(indent) if line == "-" or line.startswith("- ") else self.map(indent)

    def items(self, indent):
        found = []
        while (next_line := self._peek()) and next_line[1] == indent and (next_line[0] == "-" or next_line[0].startswith("- ")):
            line = next_line[0]
            rest = line[1:].strip()
            if not rest:
                self.at += 1
                found.append(self.below(indent))
            elif _key(rest):
                # A map that begins beside the dash: as if the dash were a space.
                number, text = self.lines[self.at]
                inner = indent + len(line) - len(line[1:].lstrip())
                self.lines[self.at] = (number, " " * inner + rest)
                found.append(self.map(inner))
            else:
                self.at += 1
                found.append(self.value(rest, indent))
        return found

    def map(self, indent):
        found = {}
        while (next_line := self._peek()) and next_line[1] == indent:
            key = _key(next_line[0])
            if key is None:
                self._wrong("is no `key: value`")
            name, rest = key
            if name in found:
                self._wrong(f"says `{name}` twice")
            self.at += 1
            found[name] = self.value(rest, indent) if rest else self.below(indent, True)
        return found

    def below(self, indent, of_map=False):
        """What is indented further, or a list as far as its key; nothing if there is none."""
        next_line = self._peek()
        is_list = next_line and (next_line[0] == "-" or next_line[0].startswith("- "))
        if next_line and (next_line[1] > indent or (of_map and is_list and next_line[1] == indent)):
            return self.block(next_line[1])
        return None

    def value(self, text, indent):
        if text[0] in "|>" and re.fullmatch(r"[|>][+-]?", text):
            lines = []
            while self.at < len(self.lines):
                line = self.lines[self.at][1]
                if line.strip() and len(line) - len(line.lstrip()) <= indent:
                    break
                lines.append(line.strip())
                self.at += 1
            return ("\n" if text[0] == "|" else " ").join(lines).strip()
        if text[0] == "[":
            if text[-1] != "]":
                self._wrong("has a list that is not closed on its line")
            items = re.findall(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|[^,\s][^,]*", text[1:-1])
            return [_scalar(item.strip()) for item in items]
        if text[0] in "{&*!%@`":
            self._wrong(f"begins with `{text[0]}`, which this reader does not know")
        return _scalar(text)


def _key(line):
    """Key and value of a line of a map."""
    found = re.match(r"('(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|[^\s'\"\[{#&*!|>%@`-][^:]*?|-[^\s:][^:]*?)\s*:(?:\s+(.*))?$", line)
    return (str(_scalar(found[1], plain=False)), (found[2] or "").strip()) if found else None


_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


def _scalar(text, plain=True):
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])
    if not plain:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if re.fullmatch(r"[-+]?\d+\.\d+", text):
        return float(text)
    return text
