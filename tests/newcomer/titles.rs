//! Errors of hooks name the hook by its title.

use crate::common::python::sensor_and_lake;

#[test]
fn commands_that_call_a_hook_say_which() {
    let hooks = ["produce", "execute", "trigger"].map(|kind| {
        format!("@{kind}('isolate')\ndef {kind}_it(instance, data):\n    '''The {kind} button'''\n    raise OSError('stuck')\n\n\n")
    });
    let project = sensor_and_lake(&hooks.concat(), "");
    let (code, _, err) = project.output_of(&["produce", "isolate", "s1"], &[], "one\n");
    assert_eq!(code, 1);
    assert!(err.contains("error: line 1: The produce button: OSError: stuck\n"), "{err}");
    for kind in ["execute", "trigger"] {
        let said = project.fails(&[kind, "isolate", "s1"]);
        assert!(said.contains(&format!("error: The {kind} button: OSError: stuck\n")), "{said}");
    }
}

#[test]
fn help_says_whose_hook_is_called() {
    let project = sensor_and_lake("", "");
    for kind in ["execute", "trigger"] {
        let help = project.prints(&[kind, "--help"]);
        assert!(help.contains("The instance whose hook is called"), "{help}");
        assert!(!help.contains("The instance, or the source of a plug"), "{help}");
    }
}
