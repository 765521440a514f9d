//! What a release is held against and signed with: the scripts below `deploy/`, on small folders of the test's own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::program;

const DAY_S: u64 = 24 * 3600;

fn script(name: &str, arguments: &[&str]) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    Command::new(path).args(arguments).output().expect("the script runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs a program of the system in a folder, to a good end.
#[track_caller]
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(folder).output().expect(program);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A database with one advisory, about all versions of this crate, committed so many days ago.
fn database(about: &str, days: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let crates = folder.path().join("crates").join(about);
    fs::create_dir_all(&crates).expect("writable");
    let advisory = format!(
        "```toml\n[advisory]\nid = \"RUSTSEC-2026-9999\"\npackage = \"{about}\"\ndate = \"2026-11-01\"\n\n\
         [versions]\npatched = []\n```\n\n# A hole\n\nIt is large.\n"
    );
    fs::write(crates.join("RUSTSEC-2026-9999.md"), advisory).expect("writable");
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let date = format!("@{} +0000", now_s - days * DAY_S);
    run(folder.path(), "git", &["init", "--quiet", "--initial-branch=main"]);
    run(folder.path(), "git", &["add", "."]);
    let who = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
    let commit = ["commit", "--quiet", "--message=one", "--date", &date];
    let committed = Command::new("git")
        .args(who)
        .args(commit)
        .env("GIT_COMMITTER_DATE", &date)
        .current_dir(folder.path())
        .status()
        .expect("git");
    assert!(committed.success());
    folder
}

/// Whether the advisories let it through, and what is said.
fn checked(folder: &str) -> (bool, String) {
    let output = script("advisories", &[folder]);
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_crate_of_ours_with_a_hole_stops_a_release_and_one_that_is_not_ours_does_not() {
    // Without it the script has nothing to ask.
    program("cargo-deny", "cargo-deny");
    let (good, said) = checked(text(database("a-crate-that-nobody-has", 0).path()));
    assert!(good, "{said}");
    let (good, said) = checked(text(database("ureq", 6).path()));
    assert!(!good && said.contains("RUSTSEC-2026-9999") && said.contains("ureq"), "{said}");
}

#[test]
fn advisories_that_are_missing_old_or_none_stop_a_release_and_say_what_to_do() {
    let old = database("a-crate-that-nobody-has", 8);
    let (good, said) = checked(text(old.path()));
    assert!(!good && said.contains("are 8 days old, 7 at most: git -C"), "{said}");
    let empty = tempfile::tempdir().expect("a temporary folder");
    let (good, said) = checked(text(empty.path()));
    assert!(!good && said.contains("is no clone of https://github.com/RustSec/advisory-db"), "{said}");
    let (good, said) = checked("/nowhere/advisory-db");
    assert!(!good && said.contains("there is no folder /nowhere/advisory-db"), "{said}");

    let place = empty.path().join("release");
    let key = [text(empty.path()), "/key"].concat();
    for (arguments, wanted) in [
        (vec!["0.1.0", text(&place)], "a release wants --advisory-db FOLDER"),
        (vec!["--advisory-db", text(old.path()), "0.1.0", text(&place)], "a release wants --key KEY"),
        (vec!["--advisory-db", text(old.path()), "--key", &key, "0.1.0", text(&place)], "cannot be read"),
        (vec!["--advisory-db", text(old.path()), "--try", text(&place)], "are 8 days old"),
    ] {
        let output = script("release", &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(wanted), "{arguments:?}: {said}");
    }
    assert!(!place.exists(), "nothing was begun");
}

/// The signature of SHA256SUMS is checked with the public key, as a user does it.
fn is_signed(release: &Path, signers: &Path) -> bool {
    let sums = fs::File::open(release.join("SHA256SUMS")).expect("the sums");
    let arguments =
        ["-Y", "verify", "-I", "picollect", "-n", "picollect-release", "-s", "SHA256SUMS.sig", "-f"];
    let verified = Command::new("ssh-keygen")
        .args(arguments)
        .arg(signers)
        .current_dir(release)
        .stdin(sums)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    verified.expect("ssh-keygen").success()
}

#[test]
fn a_release_is_signed_the_same_each_time_and_a_changed_file_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (release, signers) = (folder.path().join("release"), folder.path().join("signers"));
    fs::create_dir(&release).expect("writable");
    for name in ["picollect_0.1.0-1_arm64.deb", "CHANGES.md"] {
        fs::write(release.join(name), name).expect("writable");
    }
    run(folder.path(), "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
    let public = fs::read_to_string(folder.path().join("key.pub")).expect("a public key");
    fs::write(&signers, format!("picollect {public}")).expect("writable");
    let key = folder.path().join("key");
    let mut made = Vec::new();
    for _ in 0..2 {
        let output = script("checksums", &["--key", text(&key), text(&release)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        made.push(["SHA256SUMS", "SHA256SUMS.sig"].map(|name| fs::read(release.join(name)).expect(name)));
    }
    assert_eq!(made[0], made[1]);
    assert!(is_signed(&release, &signers));
    run(&release, "sha256sum", &["--quiet", "--check", "SHA256SUMS"]);

    let forged = String::from_utf8(made[0][0].clone()).expect("text").replacen('a', "b", 1);
    fs::write(release.join("SHA256SUMS"), forged).expect("writable");
    assert!(!is_signed(&release, &signers));
}
