//! The dashboards against Grafana's own types, which the package `@grafana/schema` has.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::engine::program;

/// What a dashboard is, in terms of Grafana's types.
const TYPES: &str = include_str!("types.ts");

fn declared(folder: &str, name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/grafana").join(folder);
    let mut text = String::new();
    for entry in fs::read_dir(&folder).expect("dashboards") {
        let path = entry.expect("an entry").path();
        let identifier = path.file_stem().expect("a name").to_str().expect("UTF-8").replace('-', "_");
        let folder = folder.file_name().expect("a name").to_str().expect("UTF-8");
        let json = fs::read_to_string(&path).expect("a dashboard");
        writeln!(text, "export const {folder}_{identifier}: {name} = {json};").expect("a text grows");
    }
    text
}

/// What the compiler says; nothing if all is well.
fn checked(source: &str) -> String {
    let compiler = program("grafana-schema", "tsc");
    let packages = compiler.parent().expect("bin").parent().expect("the package").join("node_modules");
    let directory = tempfile::tempdir().expect("a temporary directory");
    symlink(packages, directory.path().join("node_modules")).expect("a link");
    fs::write(directory.path().join("check.ts"), source).expect("writable");
    let options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"];
    let modules = ["--module", "nodenext", "--moduleResolution", "nodenext", "check.ts"];
    let output = Command::new(compiler).args(options).args(modules).current_dir(directory.path()).output();
    let output = output.expect("the compiler starts");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn grafanas_own_types_take_every_dashboard() {
    let dashboards =
        [declared("prometheus", "Whole"), declared("flux", "Whole"), declared("import", "Imported")];
    let source = TYPES.to_owned() + &dashboards.concat();
    assert_eq!(checked(&source), "");
    // The check can fail: a unit in a wrong place, a kind of panel that there is not.
    for (right, wrong) in [("\"unit\"", "\"units\""), ("\"bargauge\",", "\"barchart\",")] {
        assert!(!checked(&source.replacen(right, wrong, 1)).is_empty(), "{wrong} is taken too");
    }
}
