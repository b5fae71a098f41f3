"""Runs the `process` hook of a module on events."""

import os
import sys
from json import JSONDecoder, JSONEncoder
from time import monotonic

from resilmesh_host import failures, streams
from _resilmesh_host import channel

OFTEN = 0.05  # seconds after which outcomes are told, also if there are more to come
RENEWED = 1.0  # seconds after which a hook may print as much again

_WHAT = "a process hook returns a dict, a list of dicts, or None"


def load(welcome):
    """Imports the module; what works on a list of events, given as texts."""
    from resilmesh import _hooks, _host, _products, module as given

    _host.is_worker = True
    given.instance, given.settings, given.secrets = welcome["instance"], welcome["settings"], welcome["secrets"]
    for folder in welcome["packages"]:
        from site import addsitedir

        addsitedir(folder)
    hook = welcome["hook"]
    sys.path.insert(0, hook["folder"])
    module = _products.import_file(hook["product"], hook["folder"], hook["file"])
    function = _hooks.find(module, hook["function"], hook["line"])
    declared = [own for own in _hooks.registered(module.__name__) if own.func is function and own.type == "process"]
    batch = any(own.batch for own in declared)
    return Module(function, batch, welcome).work


def describe(error, folder, product):
    """An exception as a map for the service; one that asks for another try by its class."""
    from resilmesh.decorators import Retry

    failure = failures.describe(None, error, folder, product)
    if isinstance(error, Retry):
        failure["class"] = "Retry"
    return failure


class Module:
    def __init__(self, function, batch, welcome):
        self._place = welcome["hook"]["folder"], welcome["hook"]["product"]
        self._call = _caller(function, "events" if batch else "event", welcome)
        self._decode = JSONDecoder().decode
        self._encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_other).encode
        self._batch = batch
        self._loop = None
        self._renewed = monotonic()

    def work(self, texts):
        """Works on events and tells what becomes of each, in their order."""
        if monotonic() - self._renewed > RENEWED:
            self._renewed = monotonic()
            streams.renew()
        if self._batch:
            channel.outcomes(self._all(texts))
            return
        told, outcomes = monotonic(), []
        for outcome in self._each(texts):
            outcomes.append(outcome)
            if monotonic() - told > OFTEN:
                channel.outcomes(outcomes)
                told, outcomes = monotonic(), []
        channel.outcomes(outcomes)

    def _each(self, texts):
        """The outcomes of events, one by one. Those that an asynchronous hook waits for are waited for together."""
        results = []
        for text in texts:
            try:
                result = self._call(self._decode(text))
                if hasattr(result, "__await__") or hasattr(result, "__anext__"):
                    results.append(self._begin(result))
                    continue
                outcome = self._outcome(result)
            except BaseException as error:
                outcome = self._failure(error)
            if results:
                results.append(outcome)
            else:
                yield outcome
        for result in results:
            if hasattr(result, "__await__"):
                try:
                    result = self._outcome(self._loop.run_until_complete(result))
                except BaseException as error:
                    result = self._failure(error)
            yield result

    def _all(self, texts):
        """The outcomes of events that the hook gets together; one by one if it fails."""
        try:
            results = self._call([self._decode(text) for text in texts])
            if hasattr(results, "__await__") or hasattr(results, "__anext__"):
                results = self._loop_run(self._begin(results))
            if hasattr(results, "__next__"):
                results = list(results)
            if not isinstance(results, (list, tuple)) or len(results) != len(texts):
                raise TypeError(
                    f"{len(texts)} events were given, and {_shown(results)} came back; "
                    "a process hook with batch=True returns a list with one entry for each: a dict, a list of dicts, or None"
                )
            return [self._safe_outcome(result) for result in results]
        except BaseException as error:
            if len(texts) == 1:
                return [self._failure(error)]
        return [outcome for text in texts for outcome in self._all([text])]

    def _safe_outcome(self, result):
        try:
            return self._outcome(result)
        except BaseException as error:
            return self._failure(error)

    def _begin(self, awaitable):
        """Lets something go on in the module's event loop, which is the same for all events."""
        if self._loop is None:
            import asyncio

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        if hasattr(awaitable, "__anext__"):
            awaitable = _gathered(awaitable)
        return self._loop.create_task(_waiting(awaitable))

    def _loop_run(self, task):
        return self._loop.run_until_complete(task)

    def _outcome(self, result):
        """What goes on in place of an event: nothing, a text, or a list of texts."""
        if isinstance(result, dict):
            return self._text(result)
        if result is None:
            return None
        if hasattr(result, "__next__"):
            result = list(result)
        if not isinstance(result, (list, tuple)):
            raise TypeError(f"{_shown(result)} was returned; {_WHAT}")
        for item in result:
            if not isinstance(item, dict):
                raise TypeError(f"a list with {_shown(item)} was returned; {_WHAT}")
        return [self._text(item) for item in result]

    def _text(self, event):
        text = self._encode(event)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                # Half a character, as JSON of some can have it and UTF-8 cannot.
                return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text

    def _failure(self, error):
        if os.getpid() != streams.process:
            # A copy that the hook made with os.fork() and that came back from it.
            os._exit(1)
        return describe(error, *self._place)


def _caller(function, name, welcome):
    """The hook as a function of its event, or events; it gets what else its parameters name."""
    from resilmesh import _hooks
    from resilmesh.model import Instance

    settings, secrets = welcome["settings"], welcome["secrets"]

    class Own(Instance):
        def get_secret(self, key, prompt_if_not_exist=None):
            return secrets.get(key)

    product = welcome["hook"]["product"]
    offered = {
        "settings": settings,
        "secrets": secrets,
        "instance": Own(name=welcome["instance"], product=product, settings=settings),
    }
    wanted, needed, all_of_them = _hooks._parameters(function)
    for parameter in needed:
        if parameter != name and parameter not in offered:
            brought = ", ".join([name, *offered])
            raise TypeError(f"{function.__name__}() wants {parameter!r}; this process hook gets only {brought}")
    if name not in wanted and not all_of_them:
        raise TypeError(f"{function.__name__}() has no parameter {name!r}, by which it gets what it works on")
    rest = {key: value for key, value in offered.items() if key in wanted or all_of_them}
    if name == "events":
        return lambda events: function(events=events, **rest)
    if rest:
        return lambda event: function(event=event, **rest)
    return lambda event: function(event=event)


async def _gathered(generator):
    return [item async for item in generator]


async def _waiting(awaitable):
    return await awaitable


def _other(value):
    """What JSON has no form for: sets as lists, all else as text."""
    return list(value) if isinstance(value, (set, frozenset)) else str(value)


def _shown(value):
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a value of type {type(value).__name__}"
