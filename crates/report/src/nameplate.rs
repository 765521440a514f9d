//! What machines come to that nobody metered, as a page: each figure stands with how it is known.

use picollect_evaluate::nameplate::{Cooling, Figure, Known, Machine, Part, sum};
use picollect_terminal::Screen;
use serde::Deserialize;

use super::numbers::{DASH, decimals, money, percent, ratio, si, significant};
use super::page::{Block, Cell, Page, Section, Table, Tone};
use super::{Format, html, markdown, text};

/// Tasks whose energy is paid for; of one alone the price has too many zeros.
const TASKS: f64 = 1000.0;

/// What a file of published figures holds; all of it may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nameplates {
    /// What the prices are in.
    #[serde(default)]
    currency: String,
    /// What all machines did.
    #[serde(default)]
    task: String,
    /// What energy costs.
    tariff: Option<Tariff>,
    #[serde(default, rename = "machine")]
    machines: Vec<Machine>,
    #[serde(default, rename = "part")]
    parts: Vec<Part>,
    /// Shares of the power at the socket that the supply may pass on.
    supply: Option<Supply>,
    /// Where the firmware begins to lower the clock, and where it holds the temperature, °C.
    limits_c: Option<[f64; 2]>,
    #[serde(default, rename = "cooling")]
    coolings: Vec<Cooling>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tariff {
    per_kwh: f64,
    known: Known,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Supply {
    efficiencies: Vec<f64>,
    known: Known,
}

impl Nameplates {
    /// As a page of text, HTML or Markdown; `None` in a format that it does not have.
    pub fn written(&self, format: Format, screen: Screen) -> Option<String> {
        match format {
            Format::Text => Some(text::write(&self.page(), screen)),
            Format::Html => Some(html::write(&self.page())),
            Format::Markdown => Some(markdown::write(&self.page())),
            Format::Json | Format::Csv | Format::Latex => None,
        }
    }

    fn page(&self) -> Page {
        let limits_c = self.limits_c.unwrap_or([f64::INFINITY; 2]);
        let sections = [
            Section::new("How it is known", vec![Block::Sentences(self.metered().into_iter().collect())]),
            Section::new("Machines", vec![self.machines(), Block::Sentences(self.about_machines())]),
            Section::new(
                "Power by part",
                vec![self.parts(), Block::Sentences(self.about_parts()), self.sockets()],
            ),
            Section::new(
                "Cooling",
                vec![self.coolings(limits_c), Block::Sentences(self.about_cooling(limits_c))],
            ),
        ];
        Page {
            title: "picollect nameplate".to_owned(),
            about: String::new(),
            sections: sections.into_iter().flatten().collect(),
        }
    }

    /// What one has to know before any conclusion; nothing where every power was measured.
    fn metered(&self) -> Option<Cell> {
        let machines = self.machines.iter().map(|machine| machine.full_w);
        let parts = self.parts.iter().flat_map(|part| [part.idle_w, part.full_w]);
        let coolings = self.coolings.iter().flat_map(|cooling| [cooling.idle_w, cooling.full_w]);
        let powers: Vec<Figure> = machines.chain(parts).chain(coolings).collect();
        let measured = powers.iter().filter(|power| power.known == Known::Measured).count();
        let which = match measured {
            0 => "No power here was",
            some if some == powers.len() => return None,
            _ => "Not every power here was",
        };
        let text = format!(
            "{which} metered: an energy is then a nameplate's power times a time, and says what to measure and not \
             what is so."
        );
        Some(Cell::toned(text, Tone::Caution))
    }

    /// A column for each machine: its figures with their words would not fit into a row.
    fn machines(&self) -> Block {
        let price = |figure: Option<Figure>| of(figure, |value| money(Some(value), &self.currency));
        let per_kwh = self.tariff.map(|tariff| Figure { value: tariff.per_kwh, known: tariff.known });
        let row = |name: &str, cell: &dyn Fn(&Machine) -> Cell| {
            std::iter::once(Cell::from(name)).chain(self.machines.iter().map(cell)).collect()
        };
        let rows = vec![
            row("power", &|machine| watts(machine.full_w)),
            row("time", &|machine| of(Some(machine.task_s), |value| si(Some(value), "s"))),
            row("energy of the task", &|machine| of(machine.task_j(), |value| si(Some(value), "J"))),
            row("energy of 1000 tasks", &|machine| {
                price(per_kwh.and_then(|per_kwh| machine.energy_price(TASKS, per_kwh)))
            }),
            row("price", &|machine| price(Some(machine.price))),
            row("price by tasks an hour", &|machine| price(machine.price_per_task_an_hour())),
            row("price by GFLOPS", &|machine| price(machine.price_per_gflops())),
        ];
        let names = self.machines.iter().map(|machine| format!(">{}", machine.name));
        let names: Vec<String> = std::iter::once(String::new()).chain(names).collect();
        let columns: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = if self.machines.is_empty() { Vec::new() } else { rows };
        Table::block(self.task.as_str(), &columns, rows)
    }

    fn about_machines(&self) -> Vec<Cell> {
        let energy = |machine: &&Machine| machine.task_j().map_or(f64::INFINITY, |joules| joules.value);
        let mut machines: Vec<&Machine> = self.machines.iter().collect();
        machines.sort_by(|a, b| energy(a).total_cmp(&energy(b)));
        let Some((least, others)) = machines.split_first() else { return Vec::new() };
        let by = |machine: &&Machine| {
            let of = |value: fn(&Machine) -> Option<Figure>| {
                ratio(value(machine).map(|figure| figure.value), value(least).map(|figure| figure.value))
            };
            let (energy, price) = (of(Machine::task_j), of(Machine::price_per_task_an_hour));
            let (name, least) = (&machine.name, &least.name);
            Cell::from(format!(
                "{name} takes {energy} the energy of {least} and {price} its price for the same work."
            ))
        };
        let mut said: Vec<Cell> = others.iter().map(by).collect();
        if self.machines.iter().any(|machine| machine.gflops.is_none()) {
            let text = "What a GFLOPS costs is not known of a machine whose FLOPS nobody measured; `picollect bench` \
                        does.";
            said.push(Cell::toned(text, Tone::Faint));
        }
        said
    }

    fn parts(&self) -> Block {
        let power = |part: &Part, one: Figure| {
            let all = si(Some(one.value * f64::from(part.count)), "W");
            let each = if part.count == 1 {
                all
            } else {
                format!("{} × {} = {all}", part.count, si(Some(one.value), "W"))
            };
            Cell::from(format!("{each} ({})", one.known.as_str()))
        };
        let row = |part: &Part| {
            vec![
                Cell::from(&part.name),
                Cell::from(&part.boundary),
                power(part, part.idle_w),
                power(part, part.full_w),
            ]
        };
        let all = sum(&self.parts).map(|all| {
            vec!["all behind the supply".into(), "enclosure".into(), watts(all.idle_w), watts(all.full_w)]
        });
        let columns = ["part", "boundary", ">idle", ">full load"];
        let rows = self.parts.iter().map(row).chain(all).collect();
        Table::block("What each part is rated at; the supply's own loss is not in it", &columns, rows)
    }

    fn about_parts(&self) -> Vec<Cell> {
        let Some(all) = sum(&self.parts) else { return Vec::new() };
        let share = |part: f64, whole: f64| percent((whole > 0.0).then(|| part / whole));
        let mut said = vec![Cell::from(format!(
            "Idle takes {} of the power at full load.",
            share(all.idle_w.value, all.full_w.value)
        ))];
        if let Some(rest) = sum(self.parts.iter().filter(|part| part.boundary != "node")) {
            let idle = share(rest.idle_w.value, all.idle_w.value);
            let full = share(rest.full_w.value, all.full_w.value);
            said.push(format!("What is no node takes {idle} of idle and {full} of full load.").into());
        }
        said
    }

    /// What the parts may come to at the socket.
    fn sockets(&self) -> Block {
        let rows = self.supply.iter().flat_map(|supply| {
            supply.efficiencies.iter().filter_map(|efficiency| {
                let all = sum(&self.parts)?;
                let behind = |figure: Figure| {
                    let known = figure.known.max(supply.known);
                    watts(Figure { value: figure.value / efficiency, known })
                };
                let efficiency = Figure { value: *efficiency, known: supply.known };
                let efficiency = of(Some(efficiency), |value| percent(Some(value)));
                Some(vec![efficiency, behind(all.idle_w), behind(all.full_w)])
            })
        });
        let columns = ["the supply passes on", ">idle at the wall", ">full at the wall"];
        Table::block("What that would be at the wall", &columns, rows.collect())
    }

    fn coolings(&self, limits_c: [f64; 2]) -> Block {
        let celsius = |figure: Figure| of(Some(figure), |value| format!("{} °C", decimals(Some(value), 1)));
        let row = |cooling: &Cooling| {
            let resistance = cooling.resistance(limits_c);
            let sign = if resistance.is_some_and(|found| found.only_least) { "≥ " } else { "" };
            let resistance = of(resistance.map(|found| found.figure), |value| {
                format!("{sign}{} K/W", significant(value, 3))
            });
            let limit = if cooling.at_the_limit(limits_c) {
                Cell::toned("the firmware's limit", Tone::Caution)
            } else {
                "its own".into()
            };
            vec![
                Cell::from(&cooling.name),
                celsius(cooling.idle_c),
                celsius(cooling.full_c),
                limit,
                resistance,
            ]
        };
        let columns = ["cooling", ">idle", ">full load", "full load is", ">rise by power"];
        let rows = self.coolings.iter().map(row).collect();
        Table::block("The processor's temperature, as a thermal model sees it", &columns, rows)
    }

    fn about_cooling(&self, limits_c: [f64; 2]) -> Vec<Cell> {
        let held = self.coolings.iter().filter(|cooling| cooling.at_the_limit(limits_c));
        let names: Vec<&str> = held.map(|cooling| cooling.name.as_str()).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let [from, to] = limits_c;
        let text = format!(
            "Between {from:.0} and {to:.0} °C the firmware lowers the clock: with {} it ended there, so the \
             temperature tells neither how good the cooling is nor how much clock was lost.",
            names.join(" as with ")
        );
        vec![Cell::toned(text, Tone::Caution)]
    }
}

/// A figure with how it is known.
fn of(figure: Option<Figure>, show: impl Fn(f64) -> String) -> Cell {
    figure.map_or_else(
        || Cell::toned(DASH, Tone::Faint),
        |figure| format!("{} ({})", show(figure.value), figure.known.as_str()).into(),
    )
}

fn watts(figure: Figure) -> Cell {
    of(Some(figure), |value| si(Some(value), "W"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(full_w: &str) -> String {
        let text = format!(
            "[[machine]]\nname = \"a\"\nprice = {{ value = 1.0, known = \"printed\" }}\nfull_w = {full_w}\n\
             task_s = {{ value = 10.0, known = \"measured\" }}\n"
        );
        let sheet: Nameplates = picollect_settings::parse(&text, "a.toml").unwrap();
        sheet.written(Format::Markdown, Screen::default()).unwrap()
    }

    #[test]
    fn what_was_not_metered_is_said_first_and_only_where_it_is_so() {
        let nameplate = written("{ value = 4.0, known = \"nameplate\" }");
        let said = nameplate.find("No power here was metered").unwrap();
        assert!(said < nameplate.find("40.00 J (nameplate)").unwrap(), "{nameplate}");
        let measured = written("{ value = 4.0, known = \"measured\" }");
        assert!(measured.contains("40.00 J (measured)") && !measured.contains("metered"), "{measured}");
    }
}
