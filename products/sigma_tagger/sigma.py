"""Rules as Sigma has them, as far as one event decides: selections of fields, and a condition over selections.

Of Sigma there is: `field`, `field|contains`, `startswith`, `endswith`, `re`, `cidr`, each with `|all` for lists;
lists of values (one of them matches) and lists of selections; `*` and `?` in plain values; keywords; and in conditions
`and`, `or`, `not`, parentheses, `1 of them`, `all of them`, `1 of selection_*`, `all of selection_*`.
"""

import re
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from os.path import dirname, join

from . import documents

LEVELS = ("informational", "low", "medium", "high", "critical")


class RuleError(ValueError):
    """A rule cannot be understood."""


def load(settings):
    """The rules that the settings name; those that come with the product if they name none."""
    given = list(settings.get("rules") or [])
    file = settings.get("rules_file")
    if file or not given:
        given += documents.read(file or join(dirname(__file__), "rules", "starter.yml"))
    return [Rule(rule) for rule in given]


class Rule:
    def __init__(self, rule):
        if not isinstance(rule, dict) or not isinstance(rule.get("detection"), dict):
            raise RuleError(f"a rule is a map with `title` and `detection`, not {rule!r}")
        self.title = str(rule.get("title") or rule.get("id") or "untitled")
        self.id = str(rule.get("id") or self.title)
        level = rule.get("level", "medium")
        self.gravity = LEVELS.index(level) if level in LEVELS else 2
        self.tags = [str(tag) for tag in rule.get("tags") or ["sigma"]]
        detection = dict(rule["detection"])
        condition = detection.pop("condition", None)
        if not isinstance(condition, str):
            raise RuleError(f"rule `{self.title}` has no `condition`")
        try:
            selections = {name: _selection(value) for name, value in detection.items()}
            self.matches = _Condition(condition, selections).parse()
        except (ValueError, re.error) as error:
            raise RuleError(f"rule `{self.title}`: {error}") from None


def _selection(value):
    """Whether an event is as a selection says."""
    if isinstance(value, dict):
        fields = [_field(name, wanted) for name, wanted in value.items()]
        return lambda event: all(field(event) for field in fields)
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        some = [_selection(item) for item in value]
        return lambda event: any(one(event) for one in some)
    words = [_contains(str(word)) for word in (value if isinstance(value, list) else [value])]
    return lambda event: any(word(text) for word in words for text in _texts(event))


def _field(name, wanted):
    path, *modifiers = name.split("|")
    together = all if "all" in modifiers else any
    tests = [_test([own for own in modifiers if own != "all"], own) for own in (wanted if isinstance(wanted, list) else [wanted])]
    keys = path.split(".")

    def field(event):
        values = _values(event, path, keys)
        return together(any(test(value) for value in values) for test in tests)

    return field


def _test(modifiers, wanted):
    if wanted is None:
        return lambda value: value is None
    text = str(wanted).lower()
    if not modifiers:
        if "*" in text or "?" in text:
            text = text.replace("[", "[[]")
            return lambda value: value is not None and fnmatchcase(_text(value), text)
        return lambda value: value is not None and _text(value) == text
    if len(modifiers) > 1:
        raise ValueError(f"modifiers {'|'.join(modifiers)} do not go together")
    kind = modifiers[0]
    if kind == "contains":
        return _contains(text)
    if kind == "startswith":
        return lambda value: value is not None and _text(value).startswith(text)
    if kind == "endswith":
        return lambda value: value is not None and _text(value).endswith(text)
    if kind == "re":
        pattern = re.compile(str(wanted))
        return lambda value: value is not None and pattern.search(str(value)) is not None
    if kind == "cidr":
        network = ip_network(str(wanted), strict=False)
        return lambda value: _is_in(value, network)
    raise ValueError(f"modifier `{kind}` is not known here")


def _contains(text):
    text = text.lower()
    return lambda value: value is not None and text in _text(value)


def _text(value):
    return ("true" if value else "false") if isinstance(value, bool) else str(value).lower()


def _is_in(value, network):
    try:
        address = ip_address(str(value))
    except ValueError:
        return False
    return address.version == network.version and address in network


def _values(event, path, keys):
    """What an event has at a dotted path; None if it has nothing there."""
    found = [event]
    for key in keys:
        found = [item[key] for item in found if isinstance(item, dict) and key in item]
        found = [one for item in found for one in (item if isinstance(item, list) else [item])]
    if not found and path in event:
        found = event[path] if isinstance(event[path], list) else [event[path]]
    return found or [None]


def _texts(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


class _Condition:
    """Reads a condition: or, and, not, parentheses, selections and numbers of them."""

    def __init__(self, text, selections):
        self.words = re.findall(r"\(|\)|[^\s()]+", text)
        self.selections = selections

    def parse(self):
        parsed = self._or()
        if self.words:
            raise ValueError(f"`{self.words[0]}` is too much in the condition")
        return parsed

    def _take(self, *wanted):
        if self.words and self.words[0].lower() in wanted:
            return self.words.pop(0).lower()
        return None

    def _or(self):
        parts = [self._and()]
        while self._take("or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda event: any(part(event) for part in parts)

    def _and(self):
        parts = [self._not()]
        while self._take("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda event: all(part(event) for part in parts)

    def _not(self):
        if self._take("not"):
            inner = self._not()
            return lambda event: not inner(event)
        if self._take("("):
            inner = self._or()
            if not self._take(")"):
                raise ValueError("a parenthesis is not closed")
            return inner
        if not self.words:
            raise ValueError("the condition breaks off")
        word = self.words.pop(0)
        if word.lower() in ("1", "any", "all") and self._take("of"):
            return self._of(any if word.lower() != "all" else all)
        if word not in self.selections:
            raise ValueError(f"there is no selection `{word}`")
        return self.selections[word]

    def _of(self, together):
        if not self.words:
            raise ValueError("the condition breaks off")
        pattern = self.words.pop(0)
        pattern = "*" if pattern == "them" else pattern
        some = [test for name, test in self.selections.items() if fnmatchcase(name, pattern)]
        if not some:
            raise ValueError(f"no selection is called `{pattern}`")
        return lambda event: together(test(event) for test in some)
