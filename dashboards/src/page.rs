//! The pages of the documentation that are made: every dashboard's layout with its queries, as HTML, and the table of
//! panels and what they are asked of.

use crate::dashboard::Dashboard;
use crate::grafana::Variant;
use crate::layout::{GridPos, places};
use crate::panel::{Panel, Shape};

/// Height of a row of Grafana's grid and the gap between two, in CSS pixels.
const ROW_PX: u32 = 30;
const GAP_PX: u32 = 8;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:16px;color:#1f2430;background:#f4f5f7}\
.grid{display:grid;grid-template-columns:repeat(24,1fr);grid-auto-rows:30px;gap:8px;margin:12px 0 40px}\
.panel{background:#fff;border:1px solid #c9cdd6;border-radius:2px;padding:6px 8px;overflow:hidden;display:flex;flex-direction:column;box-sizing:border-box;min-width:0}\
h3{font-size:14px;margin:0 0 4px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;flex:none}\
.kind{color:#555;font-size:12px;flex:none}\
pre{font:11px ui-monospace,monospace;margin:4px 0 0;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}\
@media(max-width:768px){.grid{display:flex;flex-direction:column}.panel{height:var(--h)}}";

/// Every dashboard as it lies on Grafana's grid, and in one column where the page is narrow, as on a phone.
pub(crate) fn layouts(dashboards: &[Dashboard]) -> String {
    let sections: String = dashboards.iter().map(section).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>picollect's dashboards</title>\n<style>{STYLE}</style>\n<h1>picollect's dashboards</h1>\n\
         <p>Where each panel stands, and what it asks in PromQL. Made by picollect-dashboards; there are no figures here, \
         because there is no Grafana.</p>\n{sections}</html>\n"
    )
}

fn section(dashboard: &Dashboard) -> String {
    let panels = Variant::Prometheus.panels(dashboard);
    let boxes: String =
        panels.iter().zip(places(&panels)).map(|(panel, place)| shown(panel, place)).collect();
    let (title, about) = (escape(dashboard.title), escape(dashboard.about));
    format!("<h2>{title}</h2>\n<p>{about}</p>\n<div class=\"grid\">\n{boxes}</div>\n")
}

fn shown(panel: &Panel, place: GridPos) -> String {
    let GridPos { x, y, w, h } = place;
    let queries: Vec<String> = panel.queries.iter().map(|query| escape(&query.promql)).collect();
    format!(
        "<div class=\"panel\" style=\"grid-area:{}/{}/span {h}/span {w};--h:{}px\"><h3>{}</h3><div class=\"kind\">{}, {}; \
         or “{}”</div><pre>{}</pre></div>\n",
        y + 1,
        x + 1,
        h * (ROW_PX + GAP_PX) - GAP_PX,
        escape(panel.title),
        kind(panel.shape),
        panel.unit,
        escape(panel.no_value),
        queries.join("\n\n"),
    )
}

fn kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Stat => "figure",
        Shape::Lines => "lines",
        Shape::Bars => "bars",
        Shape::States => "states",
        Shape::Table => "table",
        Shape::Ranking => "ranking",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The table of panels and engines, in Markdown.
pub(crate) fn table(dashboards: &[Dashboard]) -> String {
    let mut text = String::from(
        "# Panels and engines\n\nMade by picollect-dashboards. Each *yes* is asked of a running engine with a demo's data by\n\
         `every_query_of_every_dashboard_is_answered_by_every_engine` (`tests/end_to_end/dashboards/`), where\n\
         what may be empty for the demo is listed with its reason. [The layouts](dashboards-layout.html) have\n\
         the queries.\n\n\
         | dashboard | panel | collector | Prometheus | VictoriaMetrics | InfluxDB 2 | says where there is nothing |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for dashboard in dashboards {
        let in_flux = if dashboard.in_flux { Variant::Flux.panels(dashboard) } else { Vec::new() };
        for panel in &dashboard.panels {
            let flux = if in_flux.iter().any(|other| other.title == panel.title) { "yes" } else { "–" };
            let Panel { title, no_value, .. } = panel;
            text += &format!("| {} | {title} | yes | yes | yes | {flux} | {no_value} |\n", dashboard.title);
        }
    }
    text
}
