from resilmesh import setup_producer


@setup_producer("events"
def connect():
    pass
