//! How objects come into a repository: made in memory first, so that only those that are not there yet are
//! written; few as files of their own, many as one pack.

use git2::{ObjectType, Odb, OdbLookupFlags, Oid, Repository};

/// From how many objects on a pack is written: a file for each would cost more than all else that `up` does.
const PACK_FROM: usize = 100;
/// Before all other places for objects.
const FIRST: i32 = 1000;

/// Gives `work` a repository in memory to make objects in, and keeps the tree that it made with all that
/// belongs to it in `kept`.
pub(super) fn carry(
    kept: &Repository,
    work: impl FnOnce(&Repository) -> Result<Oid, git2::Error>,
) -> Result<Oid, git2::Error> {
    let objects = Odb::new()?;
    objects.add_new_mempack_backend(FIRST)?;
    let memory = Repository::from_odb(objects)?;
    let root = work(&memory)?;
    let mut missing = Vec::new();
    collect_missing(&memory, root, &kept.odb()?, &mut missing)?;
    if missing.len() < PACK_FROM {
        write_each(&memory, &missing, kept)?
    } else {
        write_pack(&memory, &missing, kept)?
    }
    Ok(root)
}

/// The objects of a tree that are not there; a tree after what it names, so that one that is there is whole.
fn collect_missing(memory: &Repository, tree: Oid, there: &Odb<'_>, missing: &mut Vec<Oid>) -> Result<(), git2::Error> {
    // They were looked for when the repository was opened: to look again for each would be as many walks.
    let is_there = |id| there.exists_ext(id, OdbLookupFlags::NO_REFRESH);
    if is_there(tree) {
        return Ok(());
    }
    for entry in &memory.find_tree(tree)? {
        match entry.kind() {
            Some(ObjectType::Tree) => collect_missing(memory, entry.id(), there, missing)?,
            _ if is_there(entry.id()) => {}
            _ => missing.push(entry.id()),
        }
    }
    missing.push(tree);
    Ok(())
}

fn write_each(memory: &Repository, missing: &[Oid], kept: &Repository) -> Result<(), git2::Error> {
    let (from, to) = (memory.odb()?, kept.odb()?);
    for id in missing {
        let object = from.read(*id)?;
        to.write(object.kind(), object.data())?;
    }
    Ok(())
}

fn write_pack(memory: &Repository, missing: &[Oid], kept: &Repository) -> Result<(), git2::Error> {
    let mut pack = memory.packbuilder()?;
    for id in missing {
        pack.insert_object(*id, None)?;
    }
    pack.write(&kept.path().join("objects/pack"), 0o600)
}
