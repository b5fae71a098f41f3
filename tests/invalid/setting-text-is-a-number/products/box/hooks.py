from resilmesh import setup_producer


@setup_producer("events", owns_both=True)
def connect():
    """Connects."""
