//! The report's page in a real browser: on a phone and on paper.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use picollect_analysis::report::Format;

use crate::sample_report::{in_format, sample};

/// What to type where the tools are missing.
const INSTALL: &str = "apt-get install -y --no-install-recommends chromium poppler-utils fonts-dejavu-core";

/// Width of a common phone, in CSS pixels.
const PHONE: u32 = 390;

/// Runs Chromium on a page and gives what it printed. It looks for nothing on the network.
fn chromium(directory: &Path, arguments: &[&str], page: &Path) -> String {
    let profile = directory.join("profile");
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,1000",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display())).args(arguments);
    command.arg(format!("file://{}", page.display())).stderr(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("chromium: {error}; as root: {INSTALL}"));
    assert!(output.status.success(), "chromium: {:?}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The text of a PDF.
fn words_on_paper(pdf: &Path) -> String {
    let output = Command::new("pdftotext").args(["-layout".as_ref(), pdf.as_os_str(), "-".as_ref()]).output();
    let output = output.unwrap_or_else(|error| panic!("pdftotext: {error}; as root: {INSTALL}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Another page that holds the report in a frame of this width and measures it there: the report itself
/// may run no script. Its first field is how far the report reaches beyond the frame, in CSS pixels.
fn measuring(report: &str, width: u32) -> String {
    let quoted = report.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!DOCTYPE html><meta charset=utf-8><iframe id=frame width={width} height=800 srcdoc=\"{quoted}\"></iframe>\
         <output id=found>nothing</output><script>\
         const frame = document.getElementById('frame');\
         frame.onload = () => {{\
           const page = frame.contentDocument, root = page.documentElement;\
           const charts = [...page.querySelectorAll('figure > svg')];\
           const narrow = charts.filter(chart => chart.getBoundingClientRect().width > root.clientWidth);\
           const styled = frame.contentWindow.getComputedStyle(page.querySelector('dd')).marginLeft === '0px';\
           document.getElementById('found').textContent =\
             [root.scrollWidth - root.clientWidth, charts.length, narrow.length, styled].join(' ');\
         }};</script>"
    )
}

fn found(page: &str) -> Vec<String> {
    let (_, rest) = page.split_once("id=\"found\">").expect("the measuring page");
    let (text, _) = rest.split_once('<').expect("an end");
    text.split(' ').map(ToOwned::to_owned).collect()
}

#[test]
fn on_a_phone_nothing_is_wider_than_the_screen() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("measuring.html");
    fs::write(&page, measuring(&in_format(&sample(), Format::Html), PHONE)).unwrap();
    let measured = found(&chromium(directory.path(), &["--dump-dom"], &page));
    // No overflow; five charts, none too wide; and the policy lets the page's own style through.
    assert_eq!(measured, ["0", "5", "0", "true"], "{measured:?}");
}

#[test]
fn a_script_that_got_into_the_page_would_not_run() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("broken-into.html");
    let script =
        "<p id=found>nothing</p><script>document.getElementById('found').textContent = 'ran'</script>";
    let report = in_format(&sample(), Format::Html).replace("</body>", &format!("{script}</body>"));
    fs::write(&page, &report).unwrap();
    assert_eq!(found(&chromium(directory.path(), &["--dump-dom"], &page)), ["nothing"]);
    // It is the policy that holds it back.
    fs::write(&page, report.replace("Content-Security-Policy", "x-none")).unwrap();
    assert_eq!(found(&chromium(directory.path(), &["--dump-dom"], &page)), ["ran"]);
}

#[test]
fn on_paper_the_whole_report_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let (page, pdf) = (directory.path().join("report.html"), directory.path().join("report.pdf"));
    fs::write(&page, in_format(&sample(), Format::Html)).unwrap();
    let to = format!("--print-to-pdf={}", pdf.display());
    chromium(directory.path(), &[&to, "--no-pdf-header-footer"], &page);
    let words = words_on_paper(&pdf);
    let pages = words.matches('\x0c').count();
    assert!((2..=12).contains(&pages), "{pages} pages");
    for expected in ["Verdict", "353.7 ± 4.1 MFLOPS/W", "Throttling over time", "Green500 leader", "10000009"]
    {
        assert!(words.replace('\u{a0}', " ").contains(expected), "{expected:?} in\n{words}");
    }
}
