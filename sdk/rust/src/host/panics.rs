//! Panics of hooks: where they were, and what they said.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use resilmesh_hook_api::Failure;

use crate::error::{is_own, one_line};

/// Where a panic was.
struct Place {
    own: Option<String>,
    all: String,
}

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// Notes where a panic is, in place of printing it: it is told as the call's end.
pub(super) fn note() {
    panic::set_hook(Box::new(|panicked| {
        let at = panicked.location();
        let own = at.filter(|at| is_own(at.file()));
        let own = own.map(|at| format!("hooks/{}:{}:{}", at.file(), at.line(), at.column()));
        let place = Place { own, all: format!("{panicked}\n{}", std::backtrace::Backtrace::capture()) };
        PLACE.with(|noted| *noted.borrow_mut() = Some(place));
    }));
}

/// Does it; a panic is a failure of this function.
pub(super) fn caught<T>(function: &str, work: impl FnOnce() -> T) -> Result<T, Failure> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let place = PLACE.with(|noted| noted.borrow_mut().take());
        let (own, full) = place.map_or((None, None), |place| (place.own, Some(place.all)));
        Failure {
            message: format!("it panicked: {}", one_line(said(&*payload))),
            traceback: own.map(|own| format!("{own} in {function}")).into_iter().collect(),
            full,
            ..Failure::default()
        }
    })
}

fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("it said nothing that is a text")
}
