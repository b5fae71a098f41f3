//! Kinds of mistakes, each with a word that stays the same from version to version.

use std::fmt;

/// What kind of mistake a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Code {
    /// A value of a document is not one that it can have.
    #[default]
    Invalid,
    /// A file cannot or must not be read.
    Unreadable,
    /// A file is not UTF-8.
    NotUtf8,
    /// A document is not YAML.
    NotYaml,
    /// A key stands twice in a map.
    DuplicateKey,
    /// A value is of another type.
    WrongType,
    /// A number is too small or too large.
    OutOfRange,
    /// A document has a key that nobody knows.
    UnknownKey,
    /// A document lacks a key.
    MissingKey,
    /// A file is not read because of its name.
    Misnamed,
    /// A name has something in it that names cannot have.
    BadName,
    /// A document contradicts the path of its file.
    PathDisagrees,
    /// Python hooks cannot be read without running them.
    Python,
    /// Rust hooks cannot be read without compiling them.
    Rust,
    /// The code of a module cannot run.
    Module,
    /// A catalogue is not what the lock pins.
    Catalogue,
    /// A template or an expression cannot be read or filled in.
    Template,
    /// There is no such product.
    UnknownProduct,
    /// There is no such instance.
    UnknownInstance,
    /// There is no such runtime.
    UnknownRuntime,
    /// Several services cannot share the work of an instance.
    Replicas,
    /// A product or integration declares no such setting.
    UnknownSetting,
    /// A setting has a value that it cannot have.
    SettingValue,
    /// A required setting has no value.
    MissingSetting,
    /// A secret stands in the project in clear.
    SecretInProject,
    /// The vault lacks a secret.
    MissingSecret,
    /// Two files say the same instance or plug.
    Duplicate,
    /// Two instances cannot be connected like this.
    CannotConnect,
    /// Different names become the same for machines.
    NamesClash,
    /// What is taken from a broker is not put in, or the other way round.
    LooseTopic,
    /// An instance gives more topics than its product can.
    TooManyTopics,
    /// Events, or waiting, would go round in a ring.
    Ring,
    /// A zone is named that the project does not have.
    UnknownZone,
    /// An instance is in no zone, although there are some.
    NoZone,
    /// A plug goes from one zone to another where no conduit does.
    NoConduit,
    /// Nothing goes where a conduit does.
    UnusedConduit,
    /// Nothing is plugged to an instance.
    Unplugged,
    /// A plug does nothing.
    NoEffect,
    /// A product warns of what the mesh makes of it.
    Caution,
    /// An instance cannot run yet.
    Incomplete,
    /// What the services would run with is wrong.
    Configuration,
    /// Code of others that nobody here has trusted.
    Untrusted,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 42] = [
        Self::Invalid,
        Self::Unreadable,
        Self::NotUtf8,
        Self::NotYaml,
        Self::DuplicateKey,
        Self::WrongType,
        Self::OutOfRange,
        Self::UnknownKey,
        Self::MissingKey,
        Self::Misnamed,
        Self::BadName,
        Self::PathDisagrees,
        Self::Python,
        Self::Rust,
        Self::Module,
        Self::Catalogue,
        Self::Template,
        Self::UnknownProduct,
        Self::UnknownInstance,
        Self::UnknownRuntime,
        Self::Replicas,
        Self::UnknownSetting,
        Self::SettingValue,
        Self::MissingSetting,
        Self::SecretInProject,
        Self::MissingSecret,
        Self::Duplicate,
        Self::CannotConnect,
        Self::NamesClash,
        Self::LooseTopic,
        Self::TooManyTopics,
        Self::Ring,
        Self::UnknownZone,
        Self::NoZone,
        Self::NoConduit,
        Self::UnusedConduit,
        Self::Unplugged,
        Self::NoEffect,
        Self::Caution,
        Self::Incomplete,
        Self::Configuration,
        Self::Untrusted,
    ];

    /// Its word, and why it is a mistake.
    const fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::Invalid => ("invalid", "the value is not one of those that can stand there"),
            Self::Unreadable => (
                "unreadable",
                "files are read only inside of the project, up to 1 MiB, and with the rights of whoever runs the command",
            ),
            Self::NotUtf8 => {
                ("not-utf8", "documents, templates and code are UTF-8, so that they mean the same everywhere")
            }
            Self::NotYaml => ("not-yaml", "a document is one YAML 1.2 document"),
            Self::DuplicateKey => ("duplicate-key", "of a key that stands twice, nobody could say which value counts"),
            Self::WrongType => ("wrong-type", "a value of another type is not guessed at"),
            Self::OutOfRange => ("out-of-range", "the number is outside of what makes sense there"),
            Self::UnknownKey => (
                "unknown-key",
                "nobody reads the key, so it is most likely misspelt; in documents that Meshroom has as well it is only warned of",
            ),
            Self::MissingKey => ("missing-key", "without the key the document does not say what is meant"),
            Self::Misnamed => ("misnamed", "what a file is follows from its name, and nothing has this one"),
            Self::BadName => ("bad-name", "names become parts of files, subjects and users on every machine"),
            Self::PathDisagrees => {
                ("path-disagrees", "the path of a file says what it is about; its content may only repeat it")
            }
            Self::Python => (
                "python",
                "hooks are found by reading the file, never by running it: it must be Python, and what a decorator says must be literal",
            ),
            Self::Rust => (
                "rust",
                "hooks are found by reading the file, never by compiling or running it: it must be Rust, and what an attribute says must be literal",
            ),
            Self::Module => ("module", "events pass through one hook of a module, whose program must compile"),
            Self::Catalogue => ("catalogue", "a product of a catalogue is used only as `resilmesh.lock` pins it"),
            Self::Template => ("template", "configuration is rendered from templates, which must be there and work"),
            Self::UnknownProduct => (
                "unknown-product",
                "products come from the project, from catalogues in `resilmesh.lock`, and from those built in",
            ),
            Self::UnknownInstance => ("unknown-instance", "a plug connects two instances of this project"),
            Self::UnknownRuntime => ("unknown-runtime", "services run only where resilmesh can run them"),
            Self::Replicas => (
                "replicas",
                "replicas share the events of an instance; what listens on a port, reads files, keeps something or remembers events cannot be shared",
            ),
            Self::UnknownSetting => ("unknown-setting", "a setting that is not declared would change nothing"),
            Self::SettingValue => ("setting-value", "the value does not fit what the setting declares"),
            Self::MissingSetting => ("missing-setting", "the product cannot work before it is told this"),
            Self::SecretInProject => (
                "secret-in-project",
                "the project is shared, and its history keeps what was in it: secrets are in the vault only",
            ),
            Self::MissingSecret => {
                ("missing-secret", "the instance or plug asks for a secret that the vault does not have")
            }
            Self::Duplicate => ("duplicate", "an instance has one name in a mesh, and a plug one file"),
            Self::CannotConnect => (
                "cannot-connect",
                "a plug needs two capabilities that match in topic, role, mode and format, and somebody who sets up its ends",
            ),
            Self::NamesClash => ("names-clash", "in names of components, files and users some characters become `_`"),
            Self::LooseTopic => {
                ("loose-topic", "a broker passes on only what is put into it, and keeps what nobody takes")
            }
            Self::TooManyTopics => ("too-many-topics", "the product says how many topics may leave an instance"),
            Self::Ring => ("ring", "events in a ring multiply, and services in a ring never start"),
            Self::UnknownZone => {
                ("unknown-zone", "the zones of a project are those that `zones` of `resilmesh.yaml` lists")
            }
            Self::NoZone => (
                "no-zone",
                "where a network is segmented (IEC 62443-3-3 SR 5.1), everything is in one of its zones; no conduit leads to what is in none",
            ),
            Self::NoConduit => (
                "no-conduit",
                "at the boundary of a zone everything is denied but what is declared (IEC 62443-3-3 SR 5.2 and its enhancement 1): a conduit says from which zone which topics may go to which other",
            ),
            Self::UnusedConduit => (
                "unused-conduit",
                "a boundary that is open where nothing has to pass protects less than it could (IEC 62443-3-3 SR 5.2)",
            ),
            Self::Unplugged => ("unplugged", "an instance that nothing is plugged to takes no part in the mesh"),
            Self::NoEffect => ("no-effect", "neither end of the plug is a service, and no product has a hook for it"),
            Self::Caution => ("caution", "the product declares when it wants this to be said"),
            Self::Incomplete => ("incomplete", "`up` leaves the instance out until its plugs make a whole of it"),
            Self::Configuration => ("configuration", "the program that the configuration is for would refuse it"),
            Self::Untrusted => {
                ("untrusted", "what others wrote runs only after `resilmesh trust`, and again when it has changed")
            }
        }
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        self.about().0
    }

    /// Why it is a mistake.
    pub const fn why(self) -> &'static str {
        self.about().1
    }

    /// The kind with that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::of_word(code.word()), Some(code));
        }
    }
}
