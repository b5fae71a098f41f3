"""What an exception of a hook is for people."""

from resilmesh_host import calls


def describe(number, error, folder, product):
    """The exception as a map for `resilmesh`: see `Failure` in the protocol."""
    from traceback import format_exception

    why = calls.reasons.pop(number, None)
    kind = type(error).__name__
    message, hint = _text(error), getattr(error, "hint", None)
    places = _places(error, folder)
    lines = [f"{place}{function}: {source}" for place, function, source in places]
    if isinstance(error, KeyboardInterrupt) and why is not None:
        message, kind = why
    elif isinstance(error, SystemExit):
        message = f"the hook called sys.exit({error.code!r})"
        hint = "return from the hook, or raise an exception that says what is wrong"
    elif isinstance(error, SyntaxError) and error.filename:
        place = f"{_below(error.filename, folder) or error.filename}:{error.lineno}"
        message = f"{place}: {error.msg}"
        lines.append(f"{place}: {(error.text or '').strip()}")
    elif isinstance(error, ModuleNotFoundError) and error.name:
        message, hint = _missing(error.name, product)
        message = _placed(places, message)
    elif isinstance(error, ImportError):
        message = _placed(places, message)
    return {
        "message": message,
        "hint": hint if isinstance(hint, str) else None,
        "class": kind,
        "traceback": lines,
        "full": "".join(format_exception(type(error), error, error.__traceback__)).rstrip("\n"),
    }


def _text(error):
    try:
        text = " ".join(str(error).split("\n"))
    except Exception:
        text = ""
    return text.strip() or type(error).__name__


def _missing(name, product):
    from resilmesh._products import ROOT

    if name.startswith(ROOT + "."):
        wanted = name.split(".")[2:]
        return f"the product has no module {'.'.join(wanted)}", f"add {'/'.join(wanted)}.py to products/{product}"
    top = name.partition(".")[0]
    return (
        f"the module {name} is not installed",
        f"name its package (often {top}) in products/{product}/requirements.txt",
    )


def _placed(places, message):
    """With the vendor's own line that was reached last."""
    return f"{places[-1][0]}: {message}" if places else message


def _places(error, folder):
    """The vendor's own lines of the traceback, outermost first: place, function and text of each."""
    from linecache import getline

    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        file = _below(code.co_filename, folder)
        if file is not None:
            source = getline(code.co_filename, trace.tb_lineno).strip()
            function = "" if code.co_name == "<module>" else f" in {code.co_name}"
            found.append((f"{file}:{trace.tb_lineno}", function, source))
        trace = trace.tb_next
    return found


def _below(file, folder):
    return file[len(folder) + 1 :] if file.startswith(folder.rstrip("/") + "/") else None
