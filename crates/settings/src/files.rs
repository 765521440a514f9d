//! Files that are ours: who owns them, who may read them, and that they are files.
//!
//! What is made is for nobody but its owner, and belongs to whom its directory belongs to, so that a command run as root
//! locks nobody out. What is replaced keeps owner, group and mode. What is no plain file, such as a directory or a pipe
//! in its place, is an error at once and is not waited for.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::fs::{chown, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// For the owner alone: a file, and a directory.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// What others may not do with a private directory.
const OTHERS: u32 = 0o077;
/// What everybody may do.
const ALL: u32 = 0o007;
const PERMISSIONS: u32 = 0o7777;

/// Makes a directory and what is missing above it, each for its owner alone. What is made is on the disk when this
/// returns: a power cut that takes a directory takes what lies in it, whatever was synced of that. One that is there
/// stays as it is. Fails if something else has its name.
pub fn make_directory(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no directory")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let above = directory_of(path);
    make_directory(above)?;
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => {
            made?;
            let new = fs::metadata(path)?;
            owner_for(&new, above)?.map_or(Ok(()), |(user, group)| chown(path, Some(user), Some(group)))?;
            File::open(above)?.sync_all()
        }
    }
}

/// Takes what others may do with a directory away, and gives one that root once made to the owner of the directory above;
/// says whether others could do anything. Fails for a directory that is somebody else's.
pub fn close_to_others(directory: &Path) -> io::Result<bool> {
    let found = fs::metadata(directory)?;
    if let Some((user, group)) = owner_for(&found, directory_of(directory))? {
        chown(directory, Some(user), Some(group))?;
    }
    let mut permissions = found.permissions();
    let is_open = permissions.mode() & OTHERS != 0;
    if is_open {
        permissions.set_mode(permissions.mode() & !OTHERS);
        fs::set_permissions(directory, permissions)?;
    }
    Ok(is_open)
}

/// Takes away what users may do with something who are neither its owner nor of its group, and logs that they could do
/// anything. What is not there, a link, and what this user may not change stay as they are.
pub fn close_to_all(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if found.is_symlink() || found.mode() & ALL == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(found.mode() & PERMISSIONS & !ALL)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(
                "every user of this machine can read `{}`, and only its owner can end that",
                path.display()
            );
        }
        closed => {
            closed?;
            tracing::warn!("every user of this machine could read `{}`; no longer", path.display());
        }
    }
    Ok(())
}

/// Whether users who are neither its owner nor of its group may do anything with it; something that is not there is open
/// to nobody.
pub fn is_open_to_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.mode() & ALL != 0)
}

/// Makes a file that is not there yet. Fails if anything has its name.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = made(path, OpenOptions::new().write(true))?;
    file.write_all(content).inspect_err(|_| forget(path))
}

/// Opens a file to write at its end, and makes it if it is not there. Fails for what is no plain file.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    match made(path, OpenOptions::new().append(true)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            plain(path)?;
            OpenOptions::new().append(true).open(path)
        }
        opened => opened,
    }
}

/// What a plain file holds. Fails for anything else, also for a pipe, without waiting for it.
pub fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    plain(path)?;
    let mut content = Vec::new();
    File::open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Puts other content into a file in one step: whoever reads it finds the old or the new, also after a power cut. A
/// link stays one. Fails if this user may not leave the file to its owner.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // What is not there is no link either, or one that leads nowhere.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = match plain(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(found?),
    };
    let new = beside(&path);
    let mut file = made(&new, OpenOptions::new().write(true))?;
    let replaced = file.write_all(content).and_then(|()| {
        if let Some(before) = before {
            leave_to_owner(&file, &before)?;
        }
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(directory_of(&path))?.sync_all()
    });
    replaced.inspect_err(|_| forget(&new))
}

/// Gives a file that has just been made to the owner of its directory, if root made it in somebody else's.
pub fn give_to_owner_of_directory(file: &File, path: &Path) -> io::Result<()> {
    let owner = owner_for(&file.metadata()?, directory_of(path))?;
    owner.map_or(Ok(()), |(user, group)| fchown(file, Some(user), Some(group)))
}

fn made(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.create_new(true).mode(FILE_MODE).open(path)?;
    give_to_owner_of_directory(&file, path).inspect_err(|_| forget(path))?;
    Ok(file)
}

fn owner_for(new: &Metadata, directory: &Path) -> io::Result<Option<(u32, u32)>> {
    let above = fs::metadata(directory)?;
    Ok(owner(new.uid(), (above.uid(), above.gid())))
}

/// Whom something belongs to that a user has made in a directory of this user and group; `None` if it is right as it is.
fn owner(made_by: u32, of_directory: (u32, u32)) -> Option<(u32, u32)> {
    (made_by == 0 && of_directory.0 != 0).then_some(of_directory)
}

fn leave_to_owner(file: &File, before: &Metadata) -> io::Result<()> {
    let now = file.metadata()?;
    // Root's own file in somebody's directory, which only root can read, is what older versions left by mistake.
    if before.uid() == 0 && now.uid() != 0 && before.mode() & OTHERS == 0 {
        return Ok(());
    }
    if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
        fchown(file, Some(before.uid()), Some(before.gid())).map_err(|error| {
            let (user, group) = (before.uid(), before.gid());
            let text =
                format!("it belongs to user {user} and group {group}, so do this as that user or as root");
            io::Error::new(error.kind(), text)
        })?;
    }
    file.set_permissions(fs::Permissions::from_mode(before.mode() & PERMISSIONS))
}

fn plain(path: &Path) -> io::Result<Metadata> {
    let found = fs::metadata(path)?;
    if found.is_file() {
        return Ok(found);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"))
}

/// A name that nobody else uses, in the same directory.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{}.new", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes what is of no use after an error, which is the one to be told.
fn forget(path: &Path) {
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & PERMISSIONS
    }

    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone_and_what_is_there_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("a/b");
        make_directory(&deep).unwrap();
        assert_eq!((mode(&deep), mode(&directory.path().join("a"))), (0o700, 0o700));
        fs::set_permissions(&deep, fs::Permissions::from_mode(0o750)).unwrap();
        make_directory(&deep).unwrap();
        assert_eq!(mode(&deep), 0o750);
        assert!(
            !is_open_to_all(&deep) && close_to_others(&deep).unwrap() && !close_to_others(&deep).unwrap()
        );
        assert_eq!(mode(&deep), 0o700);
        let file = deep.join("f");
        create(&file, b"1").unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(create(&file, b"2").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(make_directory(&file).unwrap_err().to_string().contains("no directory"));
    }

    #[test]
    fn what_is_replaced_keeps_its_mode_and_a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        replace(&file, b"one").unwrap();
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"two").unwrap();
        assert_eq!((mode(&file), fs::read_to_string(&file).unwrap().as_str()), (0o640, "two"));
        assert!(link.is_symlink());
        assert_eq!(names(directory.path()).len(), 2, "nothing else is left");
    }

    #[test]
    fn root_gives_what_it_makes_to_the_owner_of_the_directory_and_leaves_what_it_replaces_to_its_owner() {
        let (user, group) = (12_345, 23_456);
        assert_eq!([owner(0, (user, group)), owner(0, (0, group))], [Some((user, group)), None]);
        assert_eq!(owner(1000, (user, group)), None, "who is not root keeps what it makes");
        let directory = tempfile::tempdir().unwrap();
        if fs::metadata(directory.path()).unwrap().uid() != 0 {
            eprintln!("not root, so only the rule is tested: nobody else can give a file away");
            return;
        }
        chown(directory.path(), Some(user), Some(group)).unwrap();
        let owner_of = |name: &str| {
            let found = fs::metadata(directory.path().join(name)).unwrap();
            (found.uid(), found.gid())
        };
        make_directory(&directory.path().join("d")).unwrap();
        create(&directory.path().join("c"), b"").unwrap();
        open_to_append(&directory.path().join("a")).unwrap();
        replace(&directory.path().join("r"), b"").unwrap();
        assert_eq!(["d", "c", "a", "r"].map(owner_of), [(user, group); 4]);
        chown(directory.path().join("r"), Some(user), Some(34_567)).unwrap();
        replace(&directory.path().join("r"), b"new").unwrap();
        assert_eq!(owner_of("r"), (user, 34_567));
        // What an older version left when root ran it.
        chown(directory.path().join("r"), Some(0), Some(0)).unwrap();
        replace(&directory.path().join("r"), b"newer").unwrap();
        chown(directory.path().join("d"), Some(0), Some(0)).unwrap();
        close_to_others(&directory.path().join("d")).unwrap();
        assert_eq!(["r", "d"].map(owner_of), [(user, group); 2]);
    }

    #[test]
    fn what_is_no_plain_file_is_an_error_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("d");
        fs::create_dir(&name).unwrap();
        for error in [
            replace(&name, b"x").unwrap_err(),
            read_plain(&name).unwrap_err(),
            open_to_append(&name).map(drop).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "it is no plain file");
        }
        assert_eq!(names(directory.path()).len(), 1);
    }
}
