//! What a process did to a directory, from what `strace` says of its system calls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The calls that change or sync files, on any architecture.
pub(crate) const CALLS: &str = "?open,openat,?mkdir,mkdirat,write,pwrite64,ftruncate,fsync,fdatasync,?unlink,\
                                unlinkat,?rename,?renameat,renameat2,copy_file_range,sendfile";

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A file or a directory is new.
    Create {
        path: PathBuf,
        is_directory: bool,
    },
    /// Bytes at an offset; of a copy made by the kernel they are not known, and none.
    Write {
        path: PathBuf,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        length: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
}

/// A change, and between which lines of the trace it happened.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) change: Change,
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

/// A file or directory that was brought to the disk: all that had ended before.
#[derive(Debug, Clone)]
pub(crate) struct Sync {
    pub(crate) path: PathBuf,
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

/// What the process said, each in one write to a file of its own.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) line: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) steps: Vec<Step>,
    pub(crate) syncs: Vec<Sync>,
    pub(crate) said: Vec<Said>,
    /// Lines of the trace.
    pub(crate) lines: usize,
}

impl Change {
    /// Whose sync brings it to the disk: the file's, or the directory's where it is about names.
    pub(crate) fn synced_with(&self) -> &Path {
        match self {
            Self::Write { path, .. } | Self::Truncate { path, .. } => path,
            Self::Create { path, .. } | Self::Unlink { path } | Self::Rename { to: path, .. } => {
                path.parent().expect("all is below a directory")
            }
        }
    }
}

impl Trace {
    /// Reads what `strace -f -y -xx` wrote of the calls below a directory; what is written to `said` there was said.
    pub(crate) fn read(text: &str, root: &Path) -> Self {
        let mut reader = Reader { root, trace: Self::default(), lengths: BTreeMap::new() };
        let mut unfinished: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let Some((process, call)) = line.split_once(' ') else { continue };
            let call = call.trim_start();
            if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
                unfinished.insert(process, (number, begun));
            } else if let Some(resumed) = call.strip_prefix("<... ") {
                let (_, rest) = resumed.split_once(" resumed>").expect("as strace says it");
                if let Some((begun, first)) = unfinished.remove(process) {
                    reader.call(&format!("{first}{rest}"), begun, number);
                }
            } else {
                reader.call(call, number, number);
            }
        }
        reader.trace.lines = text.lines().count();
        reader.trace.steps.sort_by_key(|step| step.begun);
        reader.trace
    }

    /// Whether a step is on the disk for certain at a line.
    pub(crate) fn is_synced(&self, step: &Step, line: usize) -> bool {
        let path = step.change.synced_with();
        let covers = |sync: &Sync| sync.path == path && sync.begun > step.ended && sync.ended < line;
        self.syncs.iter().any(covers)
    }
}

struct Reader<'a> {
    root: &'a Path,
    trace: Trace,
    /// The files that there are, and how long they are.
    lengths: BTreeMap<PathBuf, usize>,
}

impl Reader<'_> {
    fn call(&mut self, call: &str, begun: usize, ended: usize) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        if result.starts_with('-') || arguments.contains("(deleted)") {
            return;
        }
        let arguments: Vec<&str> = arguments.trim_end().trim_end_matches(')').split(", ").collect();
        match name {
            "open" | "openat" => self.open(&arguments, result, (begun, ended)),
            "fsync" | "fdatasync" => {
                if let Some(path) = self.path_of(arguments[0]) {
                    self.trace.syncs.push(Sync { path, begun, ended });
                }
            }
            "write" | "pwrite64" => {
                let Some(path) = self.path_of(arguments[0]) else { return };
                let bytes = unescaped(arguments[1]);
                let offset = arguments.get(3).map(|offset| offset.parse().expect("an offset"));
                self.write(path, bytes, offset, (begun, ended));
            }
            "copy_file_range" | "sendfile" => {
                let to = if name == "sendfile" { arguments[0] } else { arguments[2] };
                if let Some(path) = self.path_of(to) {
                    self.write(path, Vec::new(), Some(0), (begun, ended));
                }
            }
            "ftruncate" => {
                let Some(path) = self.path_of(arguments[0]) else { return };
                let length = arguments[1].parse().expect("a length");
                self.lengths.insert(path.clone(), length);
                self.step(Change::Truncate { path, length }, (begun, ended));
            }
            _ => self.rename_or_unlink(name, &arguments, (begun, ended)),
        }
    }

    fn open(&mut self, arguments: &[&str], result: &str, lines: (usize, usize)) {
        let flags = arguments.iter().find(|argument| argument.starts_with("O_")).copied().unwrap_or_default();
        let Some(path) = self.path_of(result) else { return };
        if flags.contains("O_CREAT") && !self.lengths.contains_key(&path) {
            self.lengths.insert(path.clone(), 0);
            self.step(Change::Create { path, is_directory: false }, lines);
        } else if flags.contains("O_TRUNC") {
            self.lengths.insert(path.clone(), 0);
            self.step(Change::Truncate { path, length: 0 }, lines);
        }
    }

    fn write(&mut self, path: PathBuf, bytes: Vec<u8>, offset: Option<usize>, lines: (usize, usize)) {
        if path == self.root.join("said") {
            let text = String::from_utf8(bytes).expect("UTF-8").trim_end().to_owned();
            self.trace.said.push(Said { text, line: lines.0 });
            return;
        }
        let length = self.lengths.entry(path.clone()).or_default();
        // What is written without an offset here is appended.
        let offset = offset.unwrap_or(*length);
        *length = (*length).max(offset + bytes.len());
        self.step(Change::Write { path, offset, bytes }, lines);
    }

    fn rename_or_unlink(&mut self, name: &str, arguments: &[&str], lines: (usize, usize)) {
        let is_path = |argument: &&&str| argument.starts_with('"');
        let paths = arguments.iter().filter(is_path).map(|argument| path(&unescaped(argument)));
        let paths: Vec<PathBuf> = paths.filter(|path| path.starts_with(self.root)).collect();
        match (name, paths.as_slice()) {
            ("mkdir" | "mkdirat", [path]) => {
                self.step(Change::Create { path: path.clone(), is_directory: true }, lines);
            }
            ("unlink" | "unlinkat", [path]) => {
                self.lengths.remove(path);
                self.step(Change::Unlink { path: path.clone() }, lines);
            }
            ("rename" | "renameat" | "renameat2", [from, to]) => {
                let length = self.lengths.remove(from).unwrap_or_default();
                self.lengths.insert(to.clone(), length);
                self.step(Change::Rename { from: from.clone(), to: to.clone() }, lines);
            }
            _ => {}
        }
    }

    fn step(&mut self, change: Change, (begun, ended): (usize, usize)) {
        self.trace.steps.push(Step { change, begun, ended });
    }

    /// The path of `3<path>`, if it is below the directory.
    fn path_of(&self, descriptor: &str) -> Option<PathBuf> {
        let (_, name) = descriptor.split_once('<')?;
        let path = path(&unescaped(name.split_once('>')?.0));
        path.starts_with(self.root).then_some(path)
    }
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The bytes of `\x6d\x6a`, with or without quotes.
fn unescaped(text: &str) -> Vec<u8> {
    assert!(!text.ends_with("..."), "strace has cut a text short");
    let digits = text.trim_matches('"').split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).expect("two hexadecimal digits")).collect()
}

#[test]
fn a_trace_is_read_as_what_happened() {
    let hex = |text: &str| text.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let (file, said) = (hex("/r/d/1"), hex("/r/said"));
    let text = format!(
        "7 openat(AT_FDCWD<{}>, \"{file}\", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3<{file}>\n\
         7 write(3<{file}>, \"{}\", 2) = 2\n\
         8 fdatasync(3<{file}> <unfinished ...>\n\
         7 write(3<{file}>, \"{}\", 1) = 1\n\
         8 <... fdatasync resumed>)                 = 0\n\
         7 write(4<{said}>, \"{}\", 5) = 5\n\
         7 unlink(\"{}\") = -1 ENOENT (No such file or directory)\n",
        hex("/r"),
        hex("ab"),
        hex("c"),
        hex("done\n"),
        hex("/r/d/2"),
    );
    let trace = Trace::read(&text, Path::new("/r"));
    let write = |offset, bytes: &[u8]| Change::Write { path: "/r/d/1".into(), offset, bytes: bytes.to_vec() };
    let changes: Vec<&Change> = trace.steps.iter().map(|step| &step.change).collect();
    let create = Change::Create { path: "/r/d/1".into(), is_directory: false };
    assert_eq!(changes, [&create, &write(0, b"ab"), &write(2, b"c")]);
    let synced: Vec<bool> = trace.steps.iter().map(|step| trace.is_synced(step, 7)).collect();
    assert_eq!(synced, [false, true, false], "a sync is about what was there when it began");
    assert_eq!((trace.said[0].text.as_str(), trace.said[0].line), ("done", 5));
}
