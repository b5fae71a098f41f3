//! This user's own key: found, or made.

use resilmesh_vault::Certificate;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::git::repository::configured;
use crate::vault;
use crate::vault::sources::Sources;

/// The certificate of this user's key; a key is made if there is none.
///
/// # Errors
/// When there are several, or none can be made.
pub fn find_or_make(cx: &Context, sources: &Sources) -> Result<Certificate, Failure> {
    let mut keys = sources.key_files()?;
    if keys.len() > 1 && !sources.names_a_key() {
        let fingerprints: Vec<String> = keys.iter().map(|key| key.fingerprint().to_hex()).collect();
        return Err(Failure::new(format!("you have several keys: {}", fingerprints.join(", ")))
            .hint("`resilmesh secret recipients add FINGERPRINT` says which one reads this vault"));
    }
    if keys.is_empty() { make(cx, sources) } else { Ok(keys.swap_remove(0).certificate()) }
}

fn make(cx: &Context, sources: &Sources) -> Result<Certificate, Failure> {
    let failed = |why: String| Failure::new(format!("no passphrase for your new key: {why}"));
    let passphrase = match sources.passphrase().map_err(failed)? {
        Some(given) => Some(given),
        None => cx
            .ui
            .passphrase("Passphrase for your new key (empty: none)", Some("The same again"))
            .map_err(failed)?
            .filter(|typed| !typed.is_empty()),
    };
    let unprotected = passphrase.is_none();
    let key = vault::make_key(sources, user_id(), passphrase)?;
    cx.ui.progress(format!("made your key {}", key.fingerprint()));
    cx.ui.progress(format!("it is in `{}`: keep a copy in a safe place", key.place().display()));
    if unprotected {
        cx.ui.warning("this key has no passphrase: whoever can read its file can read the secrets");
    }
    Ok(key.certificate())
}

/// Who this is, as git knows it.
fn user_id() -> String {
    let name = configured("user.name").or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "resilmesh".to_owned());
    configured("user.email").map_or_else(|| name.clone(), |address| format!("{name} <{address}>"))
}
