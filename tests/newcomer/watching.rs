//! A hook that watches another instance sees what flows at once.

use crate::common::python::sensor_and_lake;

const ENDLESS: &str = "\
@watch('events')
def see(instance):
    number = 0
    while True:
        yield {'number': number, 'of': instance.name}
        number += 1
        if number > 3:
            time.sleep(3600)


";

const LOOKING: &str = "\
from meshroom.model import watch as look_at


@trigger('look')
def look(instance):
    seen = []
    for event in look_at('events', 's1'):
        seen.append(event['number'])
        if len(seen) == 3:
            break
    return seen


@trigger('through_the_instance')
def through(instance):
    return [event['of'] for event, _ in zip(get_instance('s1').watch('events'), range(2))]
";

#[test]
fn a_watch_that_never_ends_is_a_generator() {
    let project = sensor_and_lake(ENDLESS, LOOKING);
    assert_eq!(project.prints(&["trigger", "look", "l1"]), "[0,1,2]\n");
    assert_eq!(project.prints(&["trigger", "through_the_instance", "l1"]), "[\"s1\",\"s1\"]\n");
}

#[test]
fn a_watch_that_fails_says_why() {
    let project = sensor_and_lake(
        "@watch('events')\ndef see(instance):\n    yield 'one'\n    raise OSError('the line is dead')\n",
        "@trigger('look')\ndef look(instance):\n    return list(watch_of('s1'))\n\n\ndef watch_of(name):\n    return get_instance(name).watch('events')\n",
    );
    let said = project.fails(&["trigger", "look", "l1"]);
    assert!(said.contains("OSError: the line is dead"), "{said}");
}
