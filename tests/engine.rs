//! Real engines as processes, on free ports and with their data in temporary folders; ended with the test.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use picollect_store as store;
use picollect_store::location::Secrets;
use picollect_store::{Durability, Store};

use crate::process::{Process, eventually};

/// An engine that was installed by `./test`. Without it the test fails, and says how to get it.
pub(crate) fn installed(name: &str) -> PathBuf {
    program(name, name)
}

/// A program of a part that `./test` installs.
pub(crate) fn program(name: &str, program: &str) -> PathBuf {
    let variable = match name {
        "promtool" => "PROMETHEUS_VERSION".to_owned(),
        name => format!("{}_VERSION", name.to_uppercase().replace('-', "_")),
    };
    let versions = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("test-versions.env"));
    let versions = versions.expect("test-versions.env");
    let version = versions.lines().find_map(|line| line.strip_prefix(&variable)?.strip_prefix('='));
    let version = version.unwrap_or_else(|| panic!("{variable} is not in test-versions.env"));
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let path = cache.join(format!("picollect-test/{name}-{version}/bin/{program}"));
    assert!(path.exists(), "`{}` is missing; run ./test, which installs it", path.display());
    path
}

/// The first port that is tried, and how many: below those that Linux gives to connections and to whoever asks for any.
const PORTS: (u16, u16) = (20_000, 12_000);

/// A port of the loopback address that nobody uses now. No connection of another test takes it before the engine does.
pub(crate) fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let (first, count) = PORTS;
    let next = |_| {
        let number = std::process::id().wrapping_mul(97).wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed));
        first + u16::try_from(number % u32::from(count)).expect("less than the count")
    };
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..count).map(next).find(is_free).expect("a free port")
}

/// GET; the body of a good answer.
pub(crate) fn get(url: &str) -> Option<String> {
    ureq::get(url).call().ok()?.body_mut().read_to_string().ok()
}

/// One process of an engine.
pub(crate) struct Server {
    process: Option<Process>,
    command: Box<dyn Fn() -> Command>,
    /// It is ready when this page answers.
    ready: String,
}

impl Server {
    pub(crate) fn start(ready: String, command: impl Fn() -> Command + 'static) -> Self {
        let mut server = Self { process: None, command: Box::new(command), ready };
        server.restart();
        server
    }

    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// SIGTERM, and waits for its end.
    pub(crate) fn stop(&mut self) {
        self.process.take().expect("it runs").terminate();
    }

    /// On the same port, with the same data.
    pub(crate) fn restart(&mut self) {
        self.begin();
        self.wait();
    }

    fn begin(&mut self) {
        let mut command = (self.command)();
        self.process = Some(Process::start({
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command
        }));
    }

    fn wait(&self) {
        eventually("the engine is ready", || get(&self.ready).is_some());
    }
}

/// A VictoriaMetrics of its own directory and port, ended when dropped.
pub(crate) struct VictoriaMetrics {
    pub(crate) server: Server,
    pub(crate) url: String,
    _data: tempfile::TempDir,
}

impl VictoriaMetrics {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more options; what of them asks for a password does not hold for `url`'s page that says it is ready.
    pub(crate) fn start_with(options: &[String]) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let (program, path) = (installed("victoria-metrics"), data.path().to_owned());
        let address = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{address}");
        let options = options.to_vec();
        let server = Server::start(format!("{url}/health"), move || {
            let mut command = Command::new(&program);
            command
                .arg(format!("-httpListenAddr={address}"))
                .arg(format!("-storageDataPath={}", path.display()))
                .args(&options);
            command.args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms", "-loggerLevel=ERROR"]);
            command
        });
        Self { server, url, _data: data }
    }

    /// What was written can be read when this returns.
    pub(crate) fn settle(url: &str) {
        get(&format!("{url}/internal/force_flush")).expect("VictoriaMetrics flushes");
    }
}

/// A Prometheus of its own directory and port, ended when dropped.
pub(crate) struct Prometheus {
    pub(crate) server: Server,
    pub(crate) url: String,
    _data: tempfile::TempDir,
}

impl Prometheus {
    /// With this out-of-order window, such as `1d`; `0s` takes samples in order only.
    pub(crate) fn start(window: &str) -> Self {
        Self::configured(&format!("storage:\n  tsdb:\n    out_of_order_time_window: {window}\n"))
    }

    /// Started with this configuration, in YAML.
    pub(crate) fn configured(text: &str) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let config = data.path().join("prometheus.yml");
        fs::write(&config, text).expect("writable");
        let (program, path) = (installed("prometheus"), data.path().join("data"));
        let address = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{address}");
        let server = Server::start(format!("{url}/-/ready"), move || {
            let mut command = Command::new(&program);
            command
                .arg(format!("--web.listen-address={address}"))
                .arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.tsdb.path={}", path.display()));
            command.args(["--web.enable-remote-write-receiver", "--log.level=error"]);
            command
        });
        Self { server, url, _data: data }
    }
}

/// Three receivers of Thanos that keep three copies, and a node that is asked.
pub(crate) struct Thanos {
    pub(crate) receivers: Vec<Server>,
    _query: Server,
    /// `prometheus+http://…?write=…`
    pub(crate) location: String,
    _data: tempfile::TempDir,
}

/// The ports of one receiver.
#[derive(Clone, Copy)]
struct Ports {
    grpc: u16,
    http: u16,
    write: u16,
    capnproto: u16,
}

impl Thanos {
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let program = installed("thanos");
        let ports: Vec<Ports> = (0..3)
            .map(|_| Ports {
                grpc: free_port(),
                http: free_port(),
                write: free_port(),
                capnproto: free_port(),
            })
            .collect();
        let endpoint = |ports: &Ports| {
            format!(
                r#"{{"address":"127.0.0.1:{}","capnproto_address":"127.0.0.1:{}"}}"#,
                ports.grpc, ports.capnproto
            )
        };
        let endpoints: Vec<String> = ports.iter().map(endpoint).collect();
        let ring = data.path().join("hashring.json");
        fs::write(&ring, format!(r#"[{{"endpoints":[{}]}}]"#, endpoints.join(","))).expect("writable");
        let mut receivers: Vec<Server> = (0..3)
            .map(|number| {
                let (program, ring, own) = (program.clone(), ring.clone(), ports[number]);
                let path = data.path().join(format!("receive-{number}"));
                let ready = format!("http://127.0.0.1:{}/-/ready", own.http);
                let command = move || receiver(&program, number, own, &ring, &path);
                Server { process: None, command: Box::new(command), ready }
            })
            .collect();
        // They wait for each other.
        receivers.iter_mut().for_each(Server::begin);
        receivers.iter().for_each(Server::wait);
        let (http, grpc) = (free_port(), free_port());
        let url = format!("http://127.0.0.1:{http}");
        let stores: Vec<String> =
            ports.iter().map(|ports| format!("--endpoint=127.0.0.1:{}", ports.grpc)).collect();
        let query = Server::start(format!("{url}/-/ready"), move || {
            let mut command = Command::new(&program);
            command.arg("query").arg(format!("--http-address=127.0.0.1:{http}"));
            command
                .arg(format!("--grpc-address=127.0.0.1:{grpc}"))
                .arg("--query.replica-label=receive_replica");
            command.args(["--log.level=error", "--store.sd-dns-interval=1s"]).args(&stores);
            // Whoever names no tenant is the default one, here as at the receivers.
            command.arg("--query.enforce-tenancy");
            command
        });
        let write = |ports: &Ports| format!("write=http://127.0.0.1:{}/api/v1/receive", ports.write);
        let write: Vec<String> = ports.iter().map(write).collect();
        let location = format!("prometheus+{url}?{}", write.join("&"));
        let thanos = Self { receivers, _query: query, location, _data: data };
        // It answers "TSDB not ready" for the first seconds.
        eventually("the cluster takes samples and gives them back", || {
            let batch = picollect_telemetry::line::decode(
                format!("ready f=1 {}", picollect_settings::time::now_ms()).as_bytes(),
                picollect_telemetry::line::Precision::Milliseconds,
                0,
            );
            let store = open(&thanos.location);
            store.append(&batch.points).is_ok()
                && store.series(&store::Selector::default()).is_ok_and(|series| !series.is_empty())
        });
        thanos
    }
}

fn receiver(program: &Path, number: usize, ports: Ports, ring: &Path, path: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("receive").arg(format!("--tsdb.path={}", path.display()));
    command.arg(format!("--grpc-address=127.0.0.1:{}", ports.grpc));
    command.arg(format!("--http-address=127.0.0.1:{}", ports.http));
    command.arg(format!("--remote-write.address=127.0.0.1:{}", ports.write));
    command.arg(format!("--receive.capnproto-address=127.0.0.1:{}", ports.capnproto));
    command.arg(format!("--receive.local-endpoint=127.0.0.1:{}", ports.grpc));
    command.arg(format!("--receive.hashrings-file={}", ring.display()));
    command.arg(format!("--label=receive_replica=\"{number}\""));
    command.args([
        "--receive.replication-factor=3",
        "--tsdb.out-of-order.time-window=1d",
        "--log.level=error",
    ]);
    command
}

/// Opens the store at an address.
pub(crate) fn open(location: &str) -> Arc<dyn Store> {
    let location = location.parse().expect("an address");
    store::connect(&location, &Secrets::default(), Durability::default()).expect("the store opens")
}
