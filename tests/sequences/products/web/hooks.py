from resilmesh.decorators import *
from resilmesh.model import *


def inlet(plug):
    return get_project_dir().parent / "tenants" / f"inlet.{plug.src_instance}.{plug.dst_instance}"


@setup_consumer("alerts", title="open an inlet")
def open_inlet(plug, instance):
    inlet(plug).write_text(instance.name)


@check_consumer("alerts")
def is_open(plug):
    return inlet(plug).exists()


@teardown_consumer("alerts", title="close the inlet")
def close_inlet(plug):
    inlet(plug).unlink(missing_ok=True)
