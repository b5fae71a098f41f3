//! Whether the ports that are asked for, or were had before, can be had.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::meshes::Others;
use super::{Area, Finding};
use crate::mesh::model::Mesh;
use crate::plan::paths::StateFolder;
use crate::plan::ports::probe::{Machine, Protocols, ThisMachine};
use crate::plan::ports::{Ports, Wish, wishes};
use crate::project::names;
use crate::runtime::ServiceStatus;

/// Numbers that each of our own running services has.
type Held = BTreeMap<String, BTreeSet<u16>>;

/// What addresses there can be.
const LISTEN: &str = "setting `listen` must be an address of this machine, such as 127.0.0.1 or 0.0.0.0";

/// Looks at the ports of a mesh.
pub fn examine(root: &Path, mesh: &Mesh, running: &[ServiceStatus], others: &Others) -> Vec<Finding> {
    let path = StateFolder::of(root).ports();
    let remembered = match Ports::load(&path) {
        Ok(remembered) => remembered,
        Err(error) => {
            let message = format!("`{}` cannot be read: {error}", path.display());
            return vec![Finding::bad(
                Area::Ports,
                message,
                "it must be yours and readable; without it, ports are chosen anew",
            )];
        }
    };
    let alive = running.iter().filter(|status| status.pid.is_some());
    let held: Held =
        alive.map(|status| (status.spec.instance.clone(), status.spec.ports.values().copied().collect())).collect();
    let machine = ThisMachine::default();
    let (foreign, mut found) = addresses(mesh, &machine);
    let wishes: Vec<Wish> =
        wishes(mesh, &remembered).into_iter().filter(|wish| !foreign.contains(wish.instance.as_str())).collect();
    found.extend(judge(&wishes, &held, others, &machine));
    found
}

/// The instances that are to listen where this machine cannot, with what is to be said of them.
fn addresses<'a>(mesh: &'a Mesh, machine: &dyn Machine) -> (BTreeSet<&'a str>, Vec<Finding>) {
    let listening = mesh.services().filter_map(|(instance, _)| {
        let listen = instance.settings.get("listen")?.as_str().filter(|listen| !listen.is_empty())?;
        // Any number will do: it is about the address.
        let refused = machine.can_listen(listen, 0, Protocols::Tcp).err()?;
        let name = instance.name.as_str();
        let message = format!("`{name}` cannot listen on `{listen}`: {refused}");
        let hint = format!("{LISTEN}: `resilmesh configure {name} -c listen=ADDRESS`");
        Some((name, Finding::bad(Area::Ports, message, hint)))
    });
    listening.unzip()
}

/// What is to be said of the wishes.
fn judge(wishes: &[Wish], held: &Held, others: &Others, machine: &dyn Machine) -> Vec<Finding> {
    let mut asked: BTreeMap<u64, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for wish in wishes {
        let first = wish.setting.as_ref().and_then(|_| asked.insert(wish.number, &wish.instance));
        let why = match first {
            Some(other) => Some(Trouble::Taken(format!("instance `{other}`"))),
            None => trouble(wish, held, others, machine),
        };
        found.extend(why.map(|why| why.told(wish)));
    }
    let good = wishes.len() - found.len();
    if good > 0 {
        found.push(Finding::ok(
            Area::Ports,
            format!("{} can be had as asked for or had before", names::counted(good, "port")),
        ));
    }
    found
}

/// Why a number cannot be had.
enum Trouble {
    /// Somebody has it.
    Taken(String),
    /// There is no such number.
    NoNumber,
    /// Nobody could listen there.
    Refused(io::Error),
}

fn trouble(wish: &Wish, held: &Held, others: &Others, machine: &dyn Machine) -> Option<Trouble> {
    let Some(number) = u16::try_from(wish.number).ok().filter(|number| *number > 0) else {
        return Some(Trouble::NoNumber);
    };
    if held.get(&wish.instance).is_some_and(|held| held.contains(&number)) {
        return None;
    }
    let of_mesh = others.iter().find(|(_, numbers)| numbers.contains(&number));
    let of_mesh = of_mesh.map(|(project, _)| format!("the mesh in `{}`", project.display()));
    match machine.can_listen(&wish.listen, number, wish.protocols) {
        Ok(()) => of_mesh.map(Trouble::Taken),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let holder = of_mesh.or_else(|| machine.holder(number)).unwrap_or_else(|| "somebody else".to_owned());
            Some(Trouble::Taken(holder))
        }
        Err(error) => Some(Trouble::Refused(error)),
    }
}

impl Trouble {
    fn told(&self, wish: &Wish) -> Finding {
        let Wish { instance, port, number, listen, setting, .. } = wish;
        let why = match self {
            Self::Taken(by) => format!("is taken by {by}"),
            Self::NoNumber => "is no number of a port".to_owned(),
            Self::Refused(error) => format!("cannot be listened on at `{listen}`: {error}"),
        };
        if let Some(setting) = setting {
            let message = format!("port {number}, which setting `{setting}` of `{instance}` asks for, {why}");
            let hint = format!(
                "free it, or ask for another one: `resilmesh configure {instance} -c {setting}=NUMBER`; without the setting, any free one is taken"
            );
            return Finding::bad(Area::Ports, message, hint);
        }
        let message = format!("port {number}, which `{port}` of `{instance}` had before, {why}");
        if let Self::Refused(_) = self {
            return Finding::bad(Area::Ports, message, LISTEN);
        }
        let hint = "`up` takes another one: whoever sends to the old one has to be told, or free it before";
        Finding::warn(Area::Ports, message, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    /// One on which 80 may not be had, and 1000 has somebody.
    struct Busy;

    impl Machine for Busy {
        fn can_listen(&self, _: &str, number: u16, _: Protocols) -> io::Result<()> {
            match number {
                80 => Err(io::ErrorKind::PermissionDenied.into()),
                1000 => Err(io::ErrorKind::AddrInUse.into()),
                _ => Ok(()),
            }
        }

        fn any_free(&self, _: &str, _: Protocols) -> Option<u16> {
            None
        }

        fn holder(&self, _: u16) -> Option<String> {
            Some("process 7 (web)".to_owned())
        }
    }

    fn wish(instance: &str, number: u64, setting: Option<&str>) -> Wish {
        Wish {
            instance: instance.to_owned(),
            port: "client".to_owned(),
            listen: "127.0.0.1".to_owned(),
            number,
            setting: setting.map(str::to_owned),
            protocols: Protocols::Tcp,
        }
    }

    fn told(wishes: &[Wish], held: &Held) -> Vec<(Level, String)> {
        let others = Others::from([("/other".into(), vec![2000])]);
        judge(wishes, held, &others, &Busy).into_iter().map(|found| (found.level, found.message)).collect()
    }

    #[test]
    fn what_is_asked_for_must_be_had_and_what_was_had_before_may_change() {
        let found = told(
            &[
                wish("a", 1000, Some("port")),
                wish("b", 1000, None),
                wish("c", 80, None),
                wish("d", 2000, None),
                wish("e", 70_000, Some("port")),
                wish("f", 3000, None),
            ],
            &Held::new(),
        );
        let words = |level, text: &str| (level, text.to_owned());
        assert_eq!(
            found,
            [
                words(Level::Bad, "port 1000, which setting `port` of `a` asks for, is taken by process 7 (web)"),
                words(Level::Warn, "port 1000, which `client` of `b` had before, is taken by process 7 (web)"),
                words(
                    Level::Bad,
                    "port 80, which `client` of `c` had before, cannot be listened on at `127.0.0.1`: permission denied"
                ),
                words(Level::Warn, "port 2000, which `client` of `d` had before, is taken by the mesh in `/other`"),
                words(Level::Bad, "port 70000, which setting `port` of `e` asks for, is no number of a port"),
                words(Level::Ok, "1 port can be had as asked for or had before"),
            ]
        );
    }

    #[test]
    fn what_our_own_services_have_is_theirs() {
        let held = Held::from([("a".to_owned(), BTreeSet::from([1000]))]);
        assert_eq!(told(&[wish("a", 1000, Some("port"))], &held)[0].0, Level::Ok);
        assert_eq!(told(&[], &held), []);
    }

    #[test]
    fn two_that_ask_for_one_number_are_told() {
        let found = told(&[wish("a", 3000, Some("port")), wish("b", 3000, Some("port"))], &Held::new());
        assert_eq!(found[0].1, "port 3000, which setting `port` of `b` asks for, is taken by instance `a`");
    }
}
