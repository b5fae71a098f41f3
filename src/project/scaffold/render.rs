//! The templates of new things that are built in: the top-level `templates/` folder of the source
//! tree.

use include_dir::{Dir, include_dir};
use minijinja::{Environment, UndefinedBehavior};

pub(super) static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Renders the template at a path below `templates/`.
///
/// # Errors
/// When there is no such template, or it does not work with these values.
pub(super) fn builtin(path: &str, values: &minijinja::Value) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_keep_trailing_newline(true);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment
        .set_loader(|path| Ok(TEMPLATES.get_file(path).and_then(|file| file.contents_utf8()).map(str::to_owned)));
    environment.get_template(path).and_then(|template| template.render(values)).map_err(|error| format!("{error:#}"))
}
