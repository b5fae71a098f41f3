//! Reading a write-ahead log as a store does that starts, without a store.

use std::path::Path;
use std::sync::Arc;

use crate::disk::RealDisk;
use crate::wal::Wal;

/// Opens the log in a folder, cuts off a torn end, and reads all records; how many there are.
///
/// # Errors
/// Why a store would not start with it.
pub fn check_log(folder: &Path) -> Result<usize, String> {
    let wal = Wal::open(folder, Arc::new(RealDisk)).map_err(|error| error.to_string())?;
    let mut records = 0;
    let counted = wal.replay(&mut |record, place| {
        records += 1;
        // What lies at its place is what searches show.
        let there = wal.read(place)?;
        if there == record.source { Ok(()) } else { Err(std::io::Error::other("a record is not at its place")) }
    });
    counted.map(|()| records).map_err(|error| error.to_string())
}
