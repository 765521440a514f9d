//! The command under measurement: started, passed through and watched.
//!
//! Its standard input stays ours. Where our standard output is a terminal, its standard output is one
//! too, of its own, so that every byte can be kept on its way; where ours is a file or a pipe, its is a
//! pipe. The same for standard error. Nothing is changed in either.
//!
//! Signals: the terminal's own (Ctrl-C) reach the command without us, those sent to us are passed on.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    OptionalActions, OutputModes, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::exfiltrator::origin::{Origin, WithOrigin};
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo::Cause;

use super::arrivals::Arrivals;
use super::kept_output::KeptOutput;
use super::run_directory::RunDirectory;
use picollect_analysis::runs::{End, TimeRange};
use picollect_settings::time::now_ms;
use picollect_terminal::LiveLine;

/// A process that the command left behind may hold its output open; it is listened to for so long.
const LINGER: Duration = Duration::from_secs(2);
const BUFFER_BYTES: usize = 64 * 1024;

/// Whether no command runs: then signals do to us what they do to any program.
static ALONE: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(true)));

/// Makes signals end us again while no command runs. To be called once before any.
pub(super) fn prepare() -> io::Result<()> {
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        register_conditional_default(signal, Arc::clone(&ALONE))?;
    }
    Ok(())
}

/// How a command ended, when, and when its output came.
#[derive(Debug)]
pub(super) struct ChildOutcome {
    /// From its start to its end.
    pub(super) time: TimeRange,
    /// By itself with a status, or by a signal.
    pub(super) end: End,
    /// Its standard output.
    pub(super) stdout: Said,
    /// Its standard error.
    pub(super) stderr: Said,
}

/// What one stream has said, as far as it was kept.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) bytes: Vec<u8>,
    /// When it came.
    pub(super) arrivals: Arrivals,
}

/// Runs a command to its end and keeps its output as `stdout.txt` and `stderr.txt` in a directory, or in memory where
/// the disk has no room. A live line gives way to the output. An error means that it could not be started.
pub(super) fn run(
    command: &[String],
    keep_in: &RunDirectory,
    live: Option<&LiveLine>,
) -> io::Result<ChildOutcome> {
    let kept = |name| KeptOutput::begin(keep_in.file(name).as_deref());
    let stdout = Stream::new(io::stdout().as_fd(), kept("stdout.txt"))?;
    let stderr = Stream::new(io::stderr().as_fd(), kept("stderr.txt"))?;
    let signals =
        SignalsInfo::<WithOrigin>::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH])?;
    let terminals = [&stdout, &stderr].into_iter().filter_map(Stream::terminal).collect::<io::Result<_>>()?;

    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).stdout(stdout.for_child()?).stderr(stderr.for_child()?);
    let start_ms = now_ms();
    ALONE.store(false, Ordering::Relaxed);
    let mut child = process.spawn().inspect_err(|_| ALONE.store(true, Ordering::Relaxed))?;
    // Its ends of the pipes are closed here, or they would never end.
    drop(process);
    let passing = pass_on(signals, &child, terminals);
    let (stdout, stderr) = (stdout.pass_through(live), stderr.pass_through(live));
    let status = child.wait()?;
    let end_ms = now_ms();
    passing.close();
    ALONE.store(true, Ordering::Relaxed);
    let deadline = Instant::now() + LINGER;
    Ok(ChildOutcome {
        time: TimeRange { start_ms, end_ms },
        end: end(status),
        stdout: stdout.said(deadline),
        stderr: stderr.said(deadline),
    })
}

fn end(status: ExitStatus) -> End {
    // A status is one or the other.
    status.code().map_or_else(|| End::Signal(status.signal().unwrap_or_default()), End::Exit)
}

/// Passes signals on until its handle is closed. Those of the terminal went to the command already.
fn pass_on(mut signals: SignalsInfo<WithOrigin>, child: &Child, terminals: Vec<OwnedFd>) -> Handle {
    let handle = signals.handle();
    let pid = Pid::from_child(child);
    thread::spawn(move || {
        for origin in &mut signals {
            if origin.signal == SIGWINCH {
                for terminal in &terminals {
                    same_size(terminal.as_fd());
                }
            } else if !from_terminal(&origin) {
                // A process that ended a moment ago needs no signal any more.
                let _ = Signal::from_named_raw(origin.signal).map(|signal| kill_process(pid, signal));
            }
        }
    });
    handle
}

fn from_terminal(origin: &Origin) -> bool {
    matches!(origin.cause, Cause::Kernel)
}

/// A terminal of ours is as large as the user's.
fn same_size(terminal: BorrowedFd<'_>) {
    let users = [io::stdout().as_fd(), io::stderr().as_fd()].into_iter().find_map(|fd| tcgetwinsize(fd).ok());
    // A terminal that refuses its size still shows everything.
    let _ = users.map(|size| tcsetwinsize(terminal, size));
}

/// One stream of the command on its way to ours.
struct Stream {
    ours: File,
    kept: KeptOutput,
    /// Where the command's bytes come out.
    from: File,
    /// What the command writes into.
    into: OwnedFd,
    terminal: bool,
}

impl Stream {
    fn new(ours: BorrowedFd<'_>, kept: KeptOutput) -> io::Result<Self> {
        let terminal = isatty(ours);
        let (from, into) = if terminal { pseudo_terminal()? } else { rustix::pipe::pipe()? };
        let ours = File::from(ours.try_clone_to_owned()?);
        Ok(Self { ours, kept, from: from.into(), into, terminal })
    }

    fn terminal(&self) -> Option<io::Result<OwnedFd>> {
        self.terminal.then(|| self.from.as_fd().try_clone_to_owned())
    }

    fn for_child(&self) -> io::Result<Stdio> {
        Ok(self.into.try_clone()?.into())
    }

    /// Copies in a thread of its own until the command's end of it is closed.
    fn pass_through(self, live: Option<&LiveLine>) -> Passing {
        let Self { ours, kept, from, into, terminal } = self;
        drop(into);
        let live = live.filter(|_| terminal).cloned();
        let heard = Arc::new(Mutex::new(Heard { kept, arrivals: Arrivals::default() }));
        let (done, ended) = mpsc::channel();
        let filled = Arc::clone(&heard);
        thread::spawn(move || {
            copy(from, ours, live.as_ref(), &filled);
            // Nobody waits any more if the command is long gone.
            let _ = done.send(());
        });
        Passing { heard, ended }
    }
}

/// What has come of a stream so far, and when.
#[derive(Debug)]
struct Heard {
    kept: KeptOutput,
    arrivals: Arrivals,
}

/// A stream that is being copied.
struct Passing {
    heard: Arc<Mutex<Heard>>,
    ended: Receiver<()>,
}

impl Passing {
    /// What has come by the deadline, or earlier if all has.
    fn said(self, deadline: Instant) -> Said {
        // Either way what has come is there.
        let _ = self.ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = heard.kept.bytes().unwrap_or_else(|error| {
            tracing::warn!("the command's output cannot be read back: {error}");
            Vec::new()
        });
        Said { bytes, arrivals: heard.arrivals.clone() }
    }
}

/// Ends when nothing more can come, or when nobody takes it any more: then the command learns of it as it
/// would without us.
fn copy(mut from: File, mut ours: File, live: Option<&LiveLine>, heard: &Mutex<Heard>) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let bytes = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A terminal that nobody writes to any more is an error and not an end.
            Ok(0) | Err(_) => return,
            Ok(read) => &buffer[..read],
        };
        let at_ms = now_ms();
        {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            if heard.kept.add(bytes) {
                heard.arrivals.add(bytes.len(), at_ms);
            }
        }
        let written = match live {
            Some(live) => live.give_way(bytes, || ours.write_all(bytes)),
            None => ours.write_all(bytes),
        };
        if written.is_err() {
            return;
        }
    }
}

/// Both ends of a terminal of the user's size that passes every byte as it is.
fn pseudo_terminal() -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
    let mut settings = tcgetattr(&theirs)?;
    // The user's terminal turns line feeds into new lines; twice would be too often.
    settings.output_modes.remove(OutputModes::OPOST);
    tcsetattr(&theirs, OptionalActions::Now, &settings)?;
    same_size(ours.as_fd());
    Ok((ours, theirs))
}
