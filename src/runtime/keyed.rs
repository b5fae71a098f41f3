//! Digests that only who has a key can make.

use sha2::{Digest, Sha256};

/// How long a key is, in bytes: as long as a digest, so that the digest is no easier to guess.
pub const LENGTH: usize = 32;

/// The digest of these bytes, in hexadecimal digits. Hashed twice, so that the digest of more cannot be made
/// from that of less.
pub fn digest(key: &[u8; LENGTH], bytes: impl IntoIterator<Item: AsRef<[u8]>>) -> String {
    let mut inner = Sha256::new().chain_update(key);
    bytes.into_iter().for_each(|bytes| inner.update(bytes));
    let outer = Sha256::new().chain_update(key).chain_update(inner.finalize()).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}
