from meshroom.decorators import setup_producer


@setup_producer("alerts", owns_both=True)
def connect():
    pass
