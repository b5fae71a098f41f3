//! `tests/*.yaml` of a project and of its products: what comes in, and what shall become of it.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

mod decode;
pub mod load;
pub mod rename;

use super::decode::Located;
use super::position::{Mark, Position};
use super::replace::Step;

/// The folder of the test files of a project or a product.
pub const TESTS: &str = "tests";

/// Whose tests they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The mesh's.
    Project,
    /// Those of the product of this name.
    Product(String),
}

/// A file with test cases.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFile {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// Whose tests they are.
    pub owner: Owner,
    /// Its text, which `--update` edits.
    pub text: String,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// One case: this comes in here, that is expected there.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// Which case of its file it is.
    pub index: usize,
    /// Where it takes place.
    pub place: Place,
    /// What comes in.
    pub given: Vec<Given>,
    /// What shall come out, in order; none = nobody has said yet.
    pub expect: Option<Vec<Expected>>,
    /// How many events shall come out, where only that matters.
    pub count: Option<Located<usize>>,
    /// What shall be rejected: a part of the reason of each.
    pub rejected: Vec<Located<String>>,
    /// Fields that differ each time: they are left out before whole events are compared.
    pub ignore: Vec<String>,
}

/// Where a case takes place.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// In a part of the mesh: what comes in at one instance arrives at another.
    Route {
        /// Where it comes in.
        from: End,
        /// Where it shall arrive.
        to: End,
        /// Where that is said.
        at: Mark,
    },
    /// In one transform of the pipeline of an instance.
    Transform {
        /// The instance.
        instance: Located<String>,
        /// The transform.
        transform: Located<String>,
    },
    /// In a program of a product, which needs no instance.
    Program(Located<String>),
}

/// One end of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The instance.
    pub instance: String,
    /// Only this topic.
    pub topic: Option<String>,
}

/// Something that comes in.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// A raw line.
    Line(String),
    /// An event.
    Event(Json),
}

/// What one event shall be like.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Where that is said.
    pub at: Mark,
    /// Fields and their values; null = it is not there.
    pub fields: Vec<Field>,
    /// Fields that shall not be there.
    pub absent: Vec<Located<String>>,
    /// The whole event.
    pub exactly: Option<Field>,
    /// Expressions that shall be true of it.
    pub conditions: Vec<Located<String>>,
}

/// A value that is expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The dotted path of the field; empty = the whole event.
    pub path: String,
    /// The value.
    pub value: Json,
    /// Where it is said.
    pub at: Mark,
    /// The way to the value in the file.
    pub steps: Vec<Step>,
}

impl Case {
    /// The way to the case in its file.
    pub fn steps(&self) -> Vec<Step> {
        vec![Step::Key("cases".to_owned()), Step::Index(self.index)]
    }
}

/// Whether a file of a `tests` folder is one of these.
pub fn is_test_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}
