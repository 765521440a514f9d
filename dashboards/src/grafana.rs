//! A dashboard as Grafana's JSON, as it is provisioned and as it is imported
//! (<https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/>).

use serde_json::{Value, json};

use crate::colours::{BLUE, GREEN, GREY, SERIES};
use crate::dashboard::{Annotation, Dashboard, Variable};
use crate::layout::{GridPos, places};
use crate::panel::{Panel, Shape};
use crate::query::Query;
use crate::{INFLUXDB_UID, PROMETHEUS_UID};

/// The version of the dashboard's schema that is written: Grafana migrates older ones, so it may stay.
const SCHEMA_VERSION: u32 = 39;
/// What a file to import calls its data source.
const INPUT: &str = "DS_PICOLLECT";

/// Which database is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Prometheus, or what speaks PromQL like it.
    Prometheus,
    /// InfluxDB 2, asked in Flux.
    Flux,
}

impl Variant {
    /// The folder and the beginning of the identifiers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Flux => "flux",
        }
    }

    fn plugin(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Flux => "influxdb",
        }
    }

    fn uid(self) -> &'static str {
        match self {
            Self::Prometheus => PROMETHEUS_UID,
            Self::Flux => INFLUXDB_UID,
        }
    }

    /// What a query asks in this variant.
    pub(crate) fn text(self, query: &Query) -> Option<&str> {
        match self {
            Self::Prometheus => Some(&query.promql),
            Self::Flux => query.flux.as_deref(),
        }
    }

    /// The panels of a dashboard that this variant has.
    pub(crate) fn panels(self, dashboard: &Dashboard) -> Vec<&Panel> {
        let asked = |panel: &&Panel| panel.queries.iter().all(|query| self.text(query).is_some());
        dashboard.panels.iter().filter(asked).collect()
    }
}

/// For provisioning: the data source is the one that is provisioned beside it.
pub(crate) fn provisioned(dashboard: &Dashboard, variant: Variant) -> Value {
    written(dashboard, variant, variant.uid())
}

/// For *Dashboards → Import*, which asks for a data source.
pub(crate) fn to_import(dashboard: &Dashboard, variant: Variant) -> Value {
    let mut whole = written(dashboard, variant, &format!("${{{INPUT}}}"));
    let plugin = variant.plugin();
    whole["__inputs"] = json!([{
        "name": INPUT, "label": "picollect", "type": "datasource", "pluginId": plugin, "pluginName": plugin,
        "description": "Where the samples are; docs/dashboards.md says how it is set up",
    }]);
    whole["__requires"] = json!([
        { "type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0" },
        { "type": "datasource", "id": plugin, "name": plugin, "version": "1.0.0" },
    ]);
    whole
}

fn written(dashboard: &Dashboard, variant: Variant, uid: &str) -> Value {
    let source = json!({ "type": variant.plugin(), "uid": uid });
    let panels = variant.panels(dashboard);
    let places = places(&panels);
    let numbered = (1..).zip(panels.iter().zip(&places));
    let panels: Vec<Value> =
        numbered.map(|(id, (shown, place))| panel(id, shown, place, variant, &source)).collect();
    let variables = dashboard.variables.iter().map(|shown| variable(shown, variant, &source));
    let annotations = dashboard.annotations.iter().map(|shown| annotation(shown, variant, &source));
    json!({
        "uid": format!("picollect-{}-{}", variant.name(), dashboard.name),
        "title": format!("picollect: {}", dashboard.title),
        "description": dashboard.about,
        "tags": ["picollect"],
        "editable": true,
        "graphTooltip": 1,
        "refresh": dashboard.refresh,
        "schemaVersion": SCHEMA_VERSION,
        "time": { "from": dashboard.from, "to": "now" },
        "timezone": "browser",
        "links": [{
            "title": "picollect", "type": "dashboards", "tags": ["picollect"], "asDropdown": true,
            "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
        }],
        "templating": { "list": variables.collect::<Vec<_>>() },
        "annotations": { "list": annotations.collect::<Vec<_>>() },
        "panels": panels,
    })
}

fn panel(id: u32, panel: &Panel, place: &GridPos, variant: Variant, source: &Value) -> Value {
    let targets = panel
        .queries
        .iter()
        .zip('A'..)
        .map(|(query, letter)| target(panel.shape, query, letter, variant, source));
    let mut whole = json!({
        "id": id,
        "type": kind(panel.shape),
        "title": panel.title,
        "description": panel.about,
        "gridPos": { "x": place.x, "y": place.y, "w": place.w, "h": place.h },
        "datasource": source,
        "targets": targets.collect::<Vec<_>>(),
        "fieldConfig": { "defaults": defaults(panel), "overrides": overrides(panel, variant) },
        "options": options(panel),
        "transformations": transformations(panel, variant),
    });
    if let Some(from) = panel.time_from {
        whole["timeFrom"] = json!(from);
    }
    if let Some(step) = panel.min_step {
        whole["interval"] = json!(step);
    }
    whole
}

fn kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Stat => "stat",
        Shape::Lines | Shape::Bars => "timeseries",
        Shape::States => "state-timeline",
        Shape::Table => "table",
        Shape::Ranking => "bargauge",
    }
}

fn target(shape: Shape, query: &Query, letter: char, variant: Variant, source: &Value) -> Value {
    let reference = letter.to_string();
    match variant {
        Variant::Prometheus => json!({
            "refId": reference, "datasource": source, "editorMode": "code", "expr": query.promql,
            "instant": query.instant, "range": !query.instant, "legendFormat": query.legend,
            "format": if shape == Shape::Table { "table" } else { "time_series" },
        }),
        Variant::Flux => {
            let as_column = format!("\n  |> group()\n  |> rename(columns: {{_value: \"{}\"}})", query.legend);
            let text = query.flux.clone().unwrap_or_default();
            let text = if shape == Shape::Table { text + &as_column } else { text };
            json!({ "refId": reference, "datasource": source, "query": text })
        }
    }
}

fn defaults(panel: &Panel) -> Value {
    let steps = panel.limits.iter().map(|(from, colour)| {
        let from = from.is_finite().then_some(*from);
        json!({ "color": colour, "value": from })
    });
    let needs_base = panel.limits.first().is_none_or(|(from, _)| from.is_finite());
    // Green says that all is well, which only a limit can say.
    let base = if panel.limits.is_empty() { BLUE } else { GREEN };
    let base = needs_base.then(|| json!({ "color": base, "value": null }));
    let steps: Vec<Value> = base.into_iter().chain(steps).collect();
    let over_time = matches!(panel.shape, Shape::Lines | Shape::Bars);
    let colour = if over_time { "palette-classic" } else { "thresholds" };
    let mut whole = json!({
        "unit": panel.unit,
        "noValue": panel.no_value,
        "color": { "mode": colour },
        "thresholds": { "mode": "absolute", "steps": steps },
        "mappings": mappings(panel),
        "custom": custom(panel),
    });
    if let Some(least) = panel.range.0 {
        whole["min"] = json!(least);
    }
    if let Some(greatest) = panel.range.1 {
        whole["max"] = json!(greatest);
    }
    whole
}

/// What a number is called, and that nothing is known where there is none.
fn mappings(panel: &Panel) -> Value {
    if panel.states.is_empty() {
        return json!([]);
    }
    let named = (0..).zip(&panel.states).map(|(index, (value, text, colour))| {
        let shown: (String, Value) =
            (value.to_string(), json!({ "text": text, "color": colour, "index": index }));
        shown
    });
    let named: serde_json::Map<String, Value> = named.collect();
    let unknown = json!({ "text": "unknown", "color": GREY, "index": panel.states.len() });
    json!([
        { "type": "value", "options": named },
        { "type": "special", "options": { "match": "null+nan", "result": unknown } },
    ])
}

fn custom(panel: &Panel) -> Value {
    match panel.shape {
        Shape::Lines => json!({
            "drawStyle": "line", "lineWidth": 2, "fillOpacity": 8, "spanNulls": false, "showPoints": "auto",
            "thresholdsStyle": { "mode": if panel.limits.is_empty() { "off" } else { "line" } },
        }),
        Shape::Bars => json!({
            "drawStyle": "bars", "lineWidth": 1, "fillOpacity": 70,
            "stacking": { "mode": "normal", "group": "A" }, "thresholdsStyle": { "mode": "off" },
        }),
        Shape::States => json!({ "lineWidth": 0, "fillOpacity": 85, "spanNulls": false }),
        Shape::Table => json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false }),
        Shape::Stat | Shape::Ranking => json!({}),
    }
}

/// The colours of series, and in Flux and tables their names.
fn overrides(panel: &Panel, variant: Variant) -> Value {
    let mut all = Vec::new();
    if matches!(panel.shape, Shape::Lines | Shape::Bars) {
        all = series_colours(panel);
    }
    for (query, letter) in panel.queries.iter().zip('A'..) {
        if panel.shape == Shape::Table && variant == Variant::Prometheus {
            all.push(json!({
                "matcher": { "id": "byName", "options": format!("Value #{letter}") },
                "properties": [{ "id": "displayName", "value": query.legend }],
            }));
        } else if panel.shape != Shape::Table && variant == Variant::Flux {
            let name = query.legend.replace("{{", "${__field.labels.").replace("}}", "}");
            all.push(json!({
                "matcher": { "id": "byFrameRefID", "options": letter.to_string() },
                "properties": [{ "id": "displayName", "value": name }],
            }));
        }
    }
    json!(all)
}

/// Of a query for each node a series keeps its colour by the digit at the end of the node's name; other queries have a
/// colour each, as long as they give one series. What is left has Grafana's own palette.
fn series_colours(panel: &Panel) -> Vec<Value> {
    let fixed = |colour: &str| json!([{ "id": "color", "value": { "mode": "fixed", "fixedColor": colour } }]);
    let colours = SERIES.iter().cycle();
    if panel.queries.iter().all(|query| query.legend.starts_with("{{host}}")) {
        let of_digit = |(digit, colour): (u32, &&str)| {
            let matcher = json!({ "id": "byRegexp", "options": format!("/^\\S*{digit}( |$)/") });
            json!({ "matcher": matcher, "properties": fixed(colour) })
        };
        return (0..10).zip(colours).map(of_digit).collect();
    }
    let queries = panel.queries.iter().zip('A'..).zip(colours);
    let single = queries.filter(|((query, _), _)| !query.legend.contains("{{"));
    let of_query = |((_, letter), colour): ((&Query, char), &&str)| {
        let matcher = json!({ "id": "byFrameRefID", "options": letter.to_string() });
        json!({ "matcher": matcher, "properties": fixed(colour) })
    };
    single.map(of_query).collect()
}

fn options(panel: &Panel) -> Value {
    let reduce = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
    match panel.shape {
        Shape::Stat => json!({
            "reduceOptions": reduce, "colorMode": "value", "graphMode": "none", "textMode": "auto",
            "justifyMode": "auto", "orientation": "auto", "wideLayout": true,
        }),
        Shape::Lines | Shape::Bars => json!({
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        Shape::States => json!({
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
            "mergeValues": true, "rowHeight": 0.9, "showValue": "auto", "alignValue": "left",
            "tooltip": { "mode": "single", "sort": "none" },
        }),
        Shape::Table => json!({ "showHeader": true, "cellHeight": "sm" }),
        Shape::Ranking => json!({
            "reduceOptions": reduce, "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true,
            "valueMode": "text",
        }),
    }
}

/// A table has a row for each set of labels and a column for each query.
fn transformations(panel: &Panel, variant: Variant) -> Value {
    match (panel.shape, variant) {
        (Shape::Table, Variant::Prometheus) => json!([
            { "id": "merge", "options": {} },
            { "id": "organize", "options": { "excludeByName": { "Time": true }, "indexByName": {}, "renameByName": {} } },
        ]),
        (Shape::Table, Variant::Flux) => json!([{ "id": "merge", "options": {} }]),
        _ => json!([]),
    }
}

fn variable(variable: &Variable, variant: Variant, source: &Value) -> Value {
    match variable {
        Variable::Interval => {
            let steps = ["10s", "30s", "1m", "5m", "15m", "1h"];
            let shown = |step: &&str| json!({ "text": step, "value": step, "selected": *step == "1m" });
            json!({
                "name": "interval", "label": "Mean over", "type": "interval", "query": steps.join(","),
                "current": { "text": "1m", "value": "1m" },
                "options": steps.iter().map(shown).collect::<Vec<_>>(), "refresh": 2, "hide": 0, "skipUrlSync": false,
            })
        }
        Variable::Labels { name, label, promql, flux, all } => {
            let (text, value) = if all.is_some() { ("All", "$__all") } else { ("", "") };
            let query = match variant {
                Variant::Prometheus => json!({ "query": promql, "refId": name, "qryType": 5 }),
                Variant::Flux => json!({ "query": flux, "refId": name }),
            };
            let mut whole = json!({
                "name": name, "label": label, "type": "query", "datasource": source, "query": query,
                "current": { "text": text, "value": value }, "includeAll": all.is_some(), "multi": all.is_some(),
                "refresh": 2, "regex": "", "sort": 7, "options": [], "hide": 0, "skipUrlSync": false,
            });
            if let Some(all) = all {
                whole["allValue"] = json!(all);
            }
            whole
        }
    }
}

fn annotation(annotation: &Annotation, variant: Variant, source: &Value) -> Value {
    let Annotation { name, promql, flux, title, text, colour } = annotation;
    let mut whole =
        json!({ "name": name, "datasource": source, "enable": true, "hide": false, "iconColor": colour });
    match variant {
        Variant::Prometheus => {
            whole["titleFormat"] = json!(title);
            whole["textFormat"] = json!(text);
            whole["target"] = json!({ "refId": "Anno", "expr": promql, "interval": "60s" });
        }
        Variant::Flux => whole["target"] = json!({ "refId": "Anno", "query": flux }),
    }
    whole
}
