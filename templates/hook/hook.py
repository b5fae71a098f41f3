@{{ decorator }}({{ arguments | join(", ") }})
def {{ function }}({{ parameters }}):
    """{{ says }}"""
    raise NotImplementedError("{{ missing }}")
{% if is_generator %}
    yield
{% endif %}
