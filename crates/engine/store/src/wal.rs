//! The write-ahead log: every operation is in it before it is acknowledged, and stays until the
//! indices have committed it.
//!
//! A log is a row of files `<generation>.log`. Each begins with a header (name and version of the
//! format) and holds records: mark, length, checksum, content. What was being written when the
//! process died is a torn end without intact records behind it: it was never acknowledged, and is
//! cut off. Anything else that is not intact is damage, and is reported.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, sync_folder};

const HEADER: &[u8; 8] = b"RMSTOREL";
/// Version of the format of a log file.
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 12;
const MARK: &[u8; 4] = b"\xf5RW1";
const RECORD_HEADER_BYTES: usize = 12;
/// Content of a record with empty id and source. A shorter one is what zeros behind a mark look
/// like, whose checksum is zero too.
const MIN_RECORD_BYTES: usize = 45;
/// Longer records are not written; a length above it is damage.
const MAX_RECORD_BYTES: usize = 256 << 20;

/// What an operation did to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Put,
    Delete,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) effect: Effect,
    /// The index, by the identity it keeps for life.
    pub(crate) index: uuid::Uuid,
    /// Grows with every operation of the store.
    pub(crate) seq: u64,
    pub(crate) version: u64,
    /// When it was stored, in milliseconds since 1970.
    pub(crate) stored: i64,
    pub(crate) id: &'a str,
    /// The document; empty for a deletion.
    pub(crate) source: &'a [u8],
}

/// Where the source of a document lies in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    generation: u64,
    offset: u64,
    length: usize,
}

/// Takes a record of the log, and where its source lies.
type Each<'a> = dyn FnMut(Record<'_>, Place) -> Result<(), io::Error> + 'a;

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalError {
    #[error("write-ahead log {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "write-ahead log {path} is damaged at byte {offset}, with intact records behind the damage: \
         restore the file from a backup, or move it away to start without the operations in it"
    )]
    Damaged { path: PathBuf, offset: u64 },
    #[error(
        "write-ahead log {path} has format version {found}, this program knows version {VERSION}: use a newer resilmesh"
    )]
    Newer { path: PathBuf, found: u32 },
}

/// Records on their way into the log.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// Adds a record; returns where its source lies within the batch.
    pub(crate) fn push(&mut self, record: &Record<'_>) -> (usize, usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(MARK);
        self.bytes.extend_from_slice(&[0; 8]);
        self.bytes.push(match record.effect {
            Effect::Put => 1,
            Effect::Delete => 2,
        });
        self.bytes.extend_from_slice(record.index.as_bytes());
        self.bytes.extend_from_slice(&record.seq.to_le_bytes());
        self.bytes.extend_from_slice(&record.version.to_le_bytes());
        self.bytes.extend_from_slice(&record.stored.to_le_bytes());
        self.bytes.extend_from_slice(&(record.id.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(record.id.as_bytes());
        let source = self.bytes.len();
        self.bytes.extend_from_slice(record.source);
        let content = start + RECORD_HEADER_BYTES;
        let length = (self.bytes.len() - content) as u32;
        let checksum = crc32fast::hash(&self.bytes[content..]);
        self.bytes[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
        self.bytes[start + 8..content].copy_from_slice(&checksum.to_le_bytes());
        (source, record.source.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The source of a record in this batch.
    pub(crate) fn source(&self, place: (usize, usize)) -> &[u8] {
        &self.bytes[place.0..place.0 + place.1]
    }
}

fn decode(content: &[u8]) -> Option<Record<'_>> {
    let (effect, rest) = content.split_first()?;
    let (index, rest) = rest.split_first_chunk::<16>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (version, rest) = rest.split_first_chunk::<8>()?;
    let (stored, rest) = rest.split_first_chunk::<8>()?;
    let (id_length, rest) = rest.split_first_chunk::<4>()?;
    let (id, source) = rest.split_at_checked(u32::from_le_bytes(*id_length) as usize)?;
    Some(Record {
        effect: match effect {
            1 => Effect::Put,
            2 => Effect::Delete,
            _ => return None,
        },
        index: uuid::Uuid::from_bytes(*index),
        seq: u64::from_le_bytes(*seq),
        version: u64::from_le_bytes(*version),
        stored: i64::from_le_bytes(*stored),
        id: std::str::from_utf8(id).ok()?,
        source,
    })
}

/// The log of a store that runs.
#[derive(Debug)]
pub(crate) struct Wal {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    files: BTreeMap<u64, Arc<File>>,
    generation: u64,
    /// Bytes of the newest file that hold whole records.
    length: u64,
    /// Bytes of the older files.
    older: u64,
    /// A failed write left bytes behind that could not be cut off yet.
    torn: bool,
    unsynced: bool,
}

impl Wal {
    /// Opens the log in a folder, and goes on in its last file: a full disk does not keep a store
    /// from starting. What the files hold is given to [`Wal::replay`]. A torn end of the last file
    /// is cut off.
    pub(crate) fn open(folder: &Path, disk: Arc<dyn Disk>) -> Result<Self, WalError> {
        let io_at = |path: &Path| {
            let path = path.to_owned();
            move |source| WalError::Io { path, source }
        };
        std::fs::create_dir_all(folder).map_err(io_at(folder))?;
        let generations = generations(folder).map_err(io_at(folder))?;
        let mut wal = Self {
            folder: folder.to_owned(),
            disk,
            files: BTreeMap::new(),
            generation: 0,
            length: 0,
            older: 0,
            torn: false,
            unsynced: false,
        };
        for generation in &generations {
            let path = path_of(folder, *generation);
            let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io_at(&path))?;
            let intact = scan(&path, *generation, &file, &mut |_, _| Ok(()))?;
            let length = file.metadata().map_err(io_at(&path))?.len();
            let last = Some(generation) == generations.last();
            if intact < length {
                if !last {
                    return Err(WalError::Damaged { path, offset: intact });
                }
                tracing::warn!(file = %path.display(), bytes = length - intact, "cutting off what was being written when the store ended");
                file.set_len(intact).map_err(io_at(&path))?;
            }
            // A file without a header was begun when the store ended, and is begun anew.
            if intact >= HEADER_BYTES {
                wal.files.insert(*generation, Arc::new(file));
                wal.older += wal.length;
                (wal.generation, wal.length) = (*generation, intact);
            }
        }
        if wal.files.is_empty() {
            wal.begin_file().map_err(io_at(folder))?;
        }
        Ok(wal)
    }

    fn begin_file(&mut self) -> io::Result<()> {
        let generation = self.generation + 1;
        let path = path_of(&self.folder, generation);
        // A file of that name can only be one that was begun in vain.
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        let mut header = HEADER.to_vec();
        header.extend_from_slice(&VERSION.to_le_bytes());
        let written = self.disk.append(&mut file, &header).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| sync_folder(&self.folder)) {
            // An empty leftover does no harm; it is reused.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        self.files.insert(generation, Arc::new(file));
        self.generation = generation;
        self.length = HEADER_BYTES;
        Ok(())
    }

    /// Gives all records to `each`, oldest first.
    pub(crate) fn replay(&self, each: &mut Each<'_>) -> Result<(), WalError> {
        for (generation, file) in &self.files {
            scan(&path_of(&self.folder, *generation), *generation, file, each)?;
        }
        Ok(())
    }

    /// Writes a batch. On an error nothing of it is in the log.
    pub(crate) fn append(&mut self, batch: &Batch) -> io::Result<()> {
        let current = self.current()?;
        let mut file = &*current;
        if self.torn {
            file.set_len(self.length)?;
            self.torn = false;
        }
        file.seek(SeekFrom::Start(self.length))?;
        let mut clone = file.try_clone()?;
        if let Err(error) = self.disk.append(&mut clone, &batch.bytes) {
            self.torn = file.set_len(self.length).is_err();
            return Err(error);
        }
        self.length += batch.bytes.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// Where a source of the batch that is appended next will lie.
    pub(crate) fn place_of(&self, (offset, length): (usize, usize)) -> Place {
        Place { generation: self.generation, offset: self.length + offset as u64, length }
    }

    /// Reads a source back.
    pub(crate) fn read(&self, place: Place) -> io::Result<Vec<u8>> {
        let file = self.files.get(&place.generation).ok_or(io::ErrorKind::NotFound)?;
        let mut source = vec![0; place.length];
        file.read_exact_at(&mut source, place.offset)?;
        Ok(source)
    }

    /// The file to sync so that all that is written survives a power loss; none if it does already.
    pub(crate) fn take_unsynced(&mut self) -> Option<Arc<File>> {
        std::mem::take(&mut self.unsynced).then(|| self.files.get(&self.generation).cloned()).flatten()
    }

    /// Says that a sync failed, so that it is tried again.
    pub(crate) fn still_unsynced(&mut self) {
        self.unsynced = true;
    }

    /// Begins a new file; returns the generation that [`Wal::forget_before`] takes once all that
    /// was logged until now is committed.
    pub(crate) fn rotate(&mut self) -> io::Result<u64> {
        if self.length > HEADER_BYTES {
            self.current()?.sync_data()?;
            let length = self.length;
            self.begin_file()?;
            self.older += length;
        }
        self.unsynced = false;
        Ok(self.generation)
    }

    /// Removes the files before a generation.
    pub(crate) fn forget_before(&mut self, generation: u64) {
        let kept = self.files.split_off(&generation);
        for old in std::mem::replace(&mut self.files, kept).into_keys() {
            let path = path_of(&self.folder, old);
            if let Err(error) = std::fs::remove_file(&path) {
                // Its records are committed: replaying them again changes nothing.
                tracing::warn!(file = %path.display(), %error, "cannot remove an old write-ahead log");
            }
        }
        self.older = 0;
    }

    /// Bytes in all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.older + self.length
    }

    fn current(&self) -> io::Result<Arc<File>> {
        self.files.get(&self.generation).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn path_of(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{generation:016}.log"))
}

fn generations(folder: &Path) -> io::Result<Vec<u64>> {
    let mut generations = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|name| name.parse::<u64>().ok());
        generations.extend(number);
    }
    generations.sort_unstable();
    Ok(generations)
}

/// Gives the records of a file to `each`; returns how many bytes are intact.
fn scan(path: &Path, generation: u64, file: &File, each: &mut Each<'_>) -> Result<u64, WalError> {
    let failed = |source| WalError::Io { path: path.to_owned(), source };
    let length = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::with_capacity(256 << 10, file);
    reader.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut header = [0; HEADER_BYTES as usize];
    if length < HEADER_BYTES {
        return Ok(0);
    }
    reader.read_exact(&mut header).map_err(failed)?;
    let (name, version) = header.split_at(HEADER.len());
    let version = u32::from_le_bytes(version.try_into().unwrap_or_default());
    if name != HEADER {
        return Err(WalError::Damaged { path: path.to_owned(), offset: 0 });
    }
    if version != VERSION {
        return Err(WalError::Newer { path: path.to_owned(), found: version });
    }
    let mut offset = HEADER_BYTES;
    let mut content = Vec::new();
    while offset < length {
        match read_record(&mut reader, length - offset, &mut content).map_err(failed)? {
            Some(size) => {
                let Some(record) = decode(&content) else {
                    return Err(WalError::Damaged { path: path.to_owned(), offset });
                };
                let length = record.source.len();
                offset += size;
                each(record, Place { generation, offset: offset - length as u64, length }).map_err(failed)?;
            }
            None if intact_record_after(file, offset, length).map_err(failed)? => {
                return Err(WalError::Damaged { path: path.to_owned(), offset });
            }
            None => return Ok(offset),
        }
    }
    Ok(offset)
}

/// Reads one record into `content`; returns its size with header, or none if it is not intact.
fn read_record(reader: &mut impl Read, left: u64, content: &mut Vec<u8>) -> io::Result<Option<u64>> {
    let mut header = [0; RECORD_HEADER_BYTES];
    if left < RECORD_HEADER_BYTES as u64 {
        return Ok(None);
    }
    reader.read_exact(&mut header)?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (size, checksum) = (number(4) as usize, number(8));
    let size_with_header = (size + RECORD_HEADER_BYTES) as u64;
    if &header[..4] != MARK || !(MIN_RECORD_BYTES..=MAX_RECORD_BYTES).contains(&size) || size_with_header > left {
        return Ok(None);
    }
    content.resize(size, 0);
    reader.read_exact(content)?;
    Ok((crc32fast::hash(content) == checksum).then_some(size_with_header))
}

/// Whether an intact record begins anywhere behind `offset`.
fn intact_record_after(file: &File, offset: u64, length: u64) -> io::Result<bool> {
    let mut rest = vec![0; (length - offset) as usize];
    file.read_exact_at(&mut rest, offset)?;
    let mut content = Vec::new();
    for at in memchr_marks(&rest) {
        if read_record(&mut &rest[at..], (rest.len() - at) as u64, &mut content)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn memchr_marks(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.windows(MARK.len()).enumerate().filter(|(_, window)| window == MARK).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::RealDisk;

    fn open(folder: &Path) -> Result<Wal, WalError> {
        Wal::open(folder, Arc::new(RealDisk))
    }

    fn put(wal: &mut Wal, entries: &[(u64, String)]) -> Vec<Place> {
        let mut batch = Batch::default();
        let places: Vec<_> = entries
            .iter()
            .map(|(seq, text)| {
                let (id, source) = (seq.to_string(), text.as_bytes());
                let record = Record {
                    effect: Effect::Put,
                    index: uuid::Uuid::nil(),
                    seq: *seq,
                    version: 1,
                    stored: 7,
                    id: &id,
                    source,
                };
                wal.place_of(batch.push(&record))
            })
            .collect();
        wal.append(&batch).expect("append");
        places
    }

    fn all(wal: &Wal) -> Vec<(u64, String)> {
        let mut found = Vec::new();
        wal.replay(&mut |record, place| {
            assert_eq!(record.id, record.seq.to_string());
            assert_eq!(wal.read(place).expect("read"), record.source);
            found.push((record.seq, String::from_utf8_lossy(record.source).into_owned()));
            Ok(())
        })
        .expect("replay");
        found
    }

    fn newest(folder: &Path) -> PathBuf {
        let generation = generations(folder)
            .expect("folder")
            .into_iter()
            .rfind(|g| std::fs::metadata(path_of(folder, *g)).expect("file").len() > HEADER_BYTES);
        path_of(folder, generation.expect("a file with records"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// The process dies while it writes the last batch: all earlier batches are there, and of
        /// the last one whole records from its beginning.
        #[test]
        fn a_torn_end_costs_nothing_that_was_acknowledged(
            batches in proptest::collection::vec(proptest::collection::vec("[a-z]{0,40}", 1..4), 1..5),
            cut in 0.0f64..1.0,
            garbage in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().expect("folder");
            let mut wal = open(folder.path()).expect("log");
            let (mut entries, mut acknowledged, mut length_before) = (Vec::new(), 0, 0);
            for batch in &batches {
                acknowledged = entries.len();
                length_before = wal.bytes();
                let batch: Vec<_> = batch.iter().zip(entries.len() as u64..).map(|(text, seq)| (seq, text.clone())).collect();
                let places = put(&mut wal, &batch);
                for (place, (_, text)) in places.into_iter().zip(&batch) {
                    prop_assert_eq!(wal.read(place).expect("read"), text.as_bytes());
                }
                entries.extend(batch);
            }
            let length = wal.bytes();
            drop(wal);
            let kept = length_before + ((length - length_before) as f64 * cut) as u64;
            let path = newest(folder.path());
            let file = OpenOptions::new().write(true).open(&path).expect("file");
            file.set_len(kept).expect("cut");
            if garbage {
                // After a power loss a file may be longer than what reached the disk.
                file.set_len(length).expect("extend");
            }
            let wal = open(folder.path()).expect("a torn end is no damage");
            let found = all(&wal);
            prop_assert!(found.len() >= acknowledged);
            prop_assert_eq!(&found[..], &entries[..found.len()]);
            drop(wal);
            prop_assert_eq!(all(&open(folder.path()).expect("log")), found);
        }
    }

    #[test]
    fn damage_in_the_middle_is_reported() {
        let folder = tempfile::tempdir().expect("folder");
        let mut wal = open(folder.path()).expect("log");
        put(&mut wal, &[(1, "first".into()), (2, "second".into())]);
        drop(wal);
        let path = newest(folder.path());
        let mut bytes = std::fs::read(&path).expect("file");
        let at = HEADER_BYTES as usize + RECORD_HEADER_BYTES + 3;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).expect("write");
        let error = open(folder.path()).expect_err("damaged");
        assert!(matches!(error, WalError::Damaged { offset: HEADER_BYTES, .. }), "{error}");
        bytes[8] = 99;
        std::fs::write(&path, &bytes).expect("write");
        let error = open(folder.path()).expect_err("newer");
        assert!(matches!(error, WalError::Newer { found: 99, .. }), "{error}");
    }

    #[test]
    fn committed_files_are_forgotten() {
        let folder = tempfile::tempdir().expect("folder");
        let mut wal = open(folder.path()).expect("log");
        put(&mut wal, &[(1, "first".into())]);
        let committed = wal.rotate().expect("rotate");
        put(&mut wal, &[(2, "second".into())]);
        assert_eq!(all(&wal).len(), 2);
        wal.forget_before(committed);
        assert_eq!(all(&wal), [(2, "second".to_owned())]);
        drop(wal);
        assert_eq!(all(&open(folder.path()).expect("log")), [(2, "second".to_owned())]);
    }
}
