//! What Grafana reads at its start (<https://grafana.com/docs/grafana/latest/administration/provisioning/>): data
//! sources, and the folders that dashboards are loaded from. One of the data sources' files is chosen; addresses and
//! tokens come from the environment of Grafana, because no secret stands in a file.

use crate::File;

/// The name under which panels find the data source of the Prometheus variant.
pub(crate) const PROMETHEUS_UID: &str = "picollect-prometheus";
/// The name under which panels find the data source of the Flux variant.
pub(crate) const INFLUXDB_UID: &str = "picollect-influxdb";
/// Where Grafana is expected to find the folder with the dashboards.
const DASHBOARDS: &str = "/var/lib/grafana/dashboards/picollect";

/// The files for Grafana's folder `provisioning`.
pub(crate) fn files() -> Vec<File> {
    vec![
        file(
            "datasources/collector.yaml",
            prometheus("The collector itself, without any database.", &BEARER),
        ),
        file(
            "datasources/prometheus.yaml",
            prometheus("A Prometheus, a VictoriaMetrics or another engine that speaks PromQL.", &[]),
        ),
        file("datasources/influxdb.yaml", influxdb()),
        file("dashboards/picollect.yaml", providers()),
    ]
}

fn file(path: &str, text: String) -> File {
    File { path: format!("grafana/provisioning/{path}"), text }
}

/// A token with scope `read` opens the collector's API.
const BEARER: [&str; 2] = [
    "      httpHeaderName1: Authorization",
    "    secureJsonData:\n      httpHeaderValue1: Bearer $PICOLLECT_TOKEN",
];

fn prometheus(what: &str, more: &[&str]) -> String {
    let more: String = more.iter().map(|line| format!("{line}\n")).collect();
    format!(
        "# {what}\n{HEAD}  - name: picollect\n    uid: {PROMETHEUS_UID}\n    type: prometheus\n    access: proxy\n    \
         url: $PICOLLECT_URL\n    jsonData:\n      httpMethod: POST\n      timeInterval: 10s\n{more}"
    )
}

fn influxdb() -> String {
    format!(
        "# An InfluxDB 2, asked in Flux.\n{HEAD}  - name: picollect (InfluxDB)\n    uid: {INFLUXDB_UID}\n    \
         type: influxdb\n    access: proxy\n    url: $PICOLLECT_INFLUXDB_URL\n    jsonData:\n      version: Flux\n      \
         organization: $PICOLLECT_INFLUXDB_ORG\n      defaultBucket: $PICOLLECT_INFLUXDB_BUCKET\n    secureJsonData:\n      \
         token: $PICOLLECT_INFLUXDB_TOKEN\n"
    )
}

const HEAD: &str = "# Made by picollect-dashboards; the addresses come from Grafana's environment.\napiVersion: 1\n\ndatasources:\n";

fn providers() -> String {
    format!(
        "# Made by picollect-dashboards. Copy only the folder of the variant whose data source there is.\napiVersion: 1\n\n\
         providers:\n  - name: picollect\n    folder: picollect\n    folderUid: picollect\n    type: file\n    \
         allowUiUpdates: true\n    options:\n      path: {DASHBOARDS}\n"
    )
}
