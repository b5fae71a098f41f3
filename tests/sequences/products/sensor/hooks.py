from resilmesh.decorators import *
from resilmesh.model import *


def made(plug, what):
    return get_project_dir().parent / "tenants" / f"{what}.{plug.src_instance}.{plug.dst_instance}"


@setup_producer("alerts", order=1, title="make a user")
def make_user(plug, instance):
    if not made(plug, "inlet").exists():
        raise RuntimeError("the other end is not open")
    made(plug, "user").write_text("user")


@setup_producer("alerts", order=2, title="make a rule")
def make_rule(plug, instance):
    if not made(plug, "user").exists():
        raise RuntimeError("there is no user")
    made(plug, "rule").write_text(f"level {instance.settings.get('level', 1)}")


@check_producer("alerts")
def is_made(plug):
    return made(plug, "user").exists() and made(plug, "rule").exists()


@teardown_producer("alerts", title="take rule and user out")
def take_out(plug):
    for what in "rule", "user":
        made(plug, what).unlink(missing_ok=True)
