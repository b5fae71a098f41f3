import os
from resilmesh import setup_producer


@setup_producer(os.environ["TOPIC"])
def follow():
    pass
