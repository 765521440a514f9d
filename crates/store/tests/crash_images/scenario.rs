//! What the traced process does to a store, and what it says of it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use picollect_store::{Durability, Maintenance as _, Store as _, open_durable};
use picollect_telemetry::line::{Precision, decode};

/// The variable that names the directory, and the one that names the durability.
pub(crate) const DIRECTORY: &str = "PICOLLECT_TRACED_DIRECTORY";
pub(crate) const DURABILITY: &str = "PICOLLECT_TRACED_DURABILITY";
/// What it does: the whole life of a store, or one append whose process then waits.
pub(crate) const WAITS: &str = "PICOLLECT_TRACED_WAITS";
/// Points of a whole life.
pub(crate) const POINTS: i64 = 32;
/// Points before this one are deleted in it.
pub(crate) const DELETED: i64 = 5;

/// The line of a point: new names now and then, and a value that no other has.
pub(crate) fn line(n: i64) -> String {
    format!("m f={}.25,text=\"t{n}\",more{}={n}i {}", n * 7, n / 4, n * 1000)
}

struct Traced {
    said: File,
    data: PathBuf,
    durability: Durability,
}

impl Traced {
    fn say(&mut self, text: &str) {
        self.said.write_all(format!("{text}\n").as_bytes()).expect("it can be said");
    }

    fn append(&mut self, store: &picollect_store::EmbeddedStore, points: std::ops::Range<i64>) {
        for n in points {
            let points = decode(line(n).as_bytes(), Precision::Milliseconds, 0).points;
            assert_eq!(store.append(&points).expect("it appends").written, 3);
            self.say(&format!("appended {n}"));
        }
    }

    /// Two processes' lives, as far as the disk sees: begun, sealed, closed, opened again, deleted from, copied.
    fn live(&mut self) {
        let store = open_durable(&self.data, self.durability).expect("it opens");
        self.append(&store, 0..10);
        store.seal().expect("it seals");
        self.say("sealed");
        self.append(&store, 10..18);
        drop(store);
        self.say("closed");
        let store = open_durable(&self.data, self.durability).expect("it opens again");
        self.append(&store, 18..22);
        store.seal().expect("it seals");
        self.say("sealed");
        self.say("deletes");
        store.delete_before(DELETED * 1000).expect("it deletes");
        self.say("deleted");
        self.append(&store, 22..POINTS);
        let copy = self.data.with_file_name("copy");
        fs::create_dir(&copy).expect("it can be made");
        File::open(self.data.parent().expect("it has one")).and_then(|root| root.sync_all()).expect("synced");
        store.back_up(&copy).expect("it is copied");
        self.say("copied");
        drop(store);
        self.say("closed");
    }

    fn append_and_wait(&mut self) {
        let store = open_durable(&self.data, self.durability).expect("it opens");
        self.append(&store, 0..1);
        let mut nothing = Vec::new();
        std::io::stdin().read_to_end(&mut nothing).expect("its end comes");
        self.say("told");
    }
}

/// To be called in the traced process.
pub(crate) fn run() {
    let variable =
        |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: this is not run by itself"));
    let root = variable(DIRECTORY);
    let said = OpenOptions::new().create(true).append(true).open(Path::new(&root).join("said"));
    let durability = variable(DURABILITY).parse().expect("a durability");
    let mut traced =
        Traced { said: said.expect("it opens"), data: Path::new(&root).join("data"), durability };
    if std::env::var_os(WAITS).is_some() { traced.append_and_wait() } else { traced.live() }
}
