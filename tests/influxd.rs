//! A real InfluxDB 2 as a process.

use std::process::Command;

use crate::engine::{Server, free_port, installed};

/// With an organisation `o`, a bucket `b` and a token that may do everything.
pub(crate) struct Influxd {
    pub(crate) server: Server,
    pub(crate) url: String,
    _data: tempfile::TempDir,
}

impl Influxd {
    pub(crate) const TOKEN: &str = "the-token-of-the-tests";

    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let (program, path) = (installed("influxd"), data.path().to_owned());
        let address = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{address}");
        let server = Server::start(format!("{url}/health"), move || {
            let mut command = Command::new(&program);
            for (option, file) in
                [("--bolt-path", "bolt"), ("--engine-path", "engine"), ("--sqlite-path", "sqlite")]
            {
                command.arg(option).arg(path.join(file));
            }
            command.args(["--http-bind-address", &address, "--reporting-disabled"]);
            command
        });
        let setup = serde_json::json!({
            "username": "picollect", "password": "picollect", "org": "o", "bucket": "b", "token": Self::TOKEN,
        });
        ureq::post(format!("{url}/api/v2/setup")).send(setup.to_string()).expect("it is set up");
        Self { server, url, _data: data }
    }

    /// As a store's address.
    pub(crate) fn location(&self) -> String {
        format!("influxdb2+{}?org=o&bucket=b", self.url)
    }
}
