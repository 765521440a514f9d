//! How a series of ours is called where Prometheus' names are spoken: in an engine of that family, and in the
//! collector's own answers to PromQL. Both are alike, so that a dashboard asks the same of either.
//!
//! The name is the catalogue's where the catalogue knows the field; else measurement and field joined, which looks right
//! and says nothing for certain. What is certain stands in labels: the measurement, the field, and which labels are tags.

use picollect_telemetry::catalogue;

/// Prometheus' own label for the name.
pub const NAME: &str = "__name__";
/// The label with the measurement; every series of ours has it.
pub const MEASUREMENT: &str = "picollect_measurement";
/// The label with the field.
pub const FIELD: &str = "picollect_field";
/// The label that lists the labels that are tags; absent where there are none.
pub const TAGS: &str = "picollect_tags";
/// Begins the label of a tag whose own name cannot be a label's.
const ODD_TAG: &str = "picollect_tag_";
/// No tag keeps a name that begins so.
const OURS: &str = "picollect_";

/// The labels of a series, without its type; in no order.
pub fn labels(measurement: &str, field: &str, tags: &[(String, String)]) -> Vec<(String, String)> {
    let mut labels = vec![
        (NAME.to_owned(), metric_name(measurement, field)),
        (MEASUREMENT.to_owned(), measurement.to_owned()),
        (FIELD.to_owned(), field.to_owned()),
    ];
    let listed = tag_list(tags);
    labels.extend((!listed.is_empty()).then(|| (TAGS.to_owned(), listed)));
    labels.extend(tags.iter().map(|(name, value)| (tag_label(name), value.clone())));
    labels
}

fn metric_name(measurement: &str, field: &str) -> String {
    if let Some(metric) = catalogue::find(measurement, field) {
        return metric.prometheus_name();
    }
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    let name: String = format!("{measurement}_{field}").chars().map(plain).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// The labels of the tags, in order, separated by commas.
pub fn tag_list(tags: &[(String, String)]) -> String {
    let mut labels: Vec<String> = tags.iter().map(|(name, _)| tag_label(name)).collect();
    labels.sort();
    labels.join(",")
}

/// The tag's own name where it can be a label's, else one that spells every other byte in hexadecimal digits.
pub fn tag_label(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if first && name.bytes().all(plain) && !name.starts_with(OURS) {
        return name.to_owned();
    }
    let spell = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("_{byte:02X}"),
    };
    ODD_TAG.to_owned() + &name.bytes().map(spell).collect::<String>()
}

/// The tag that has this label; `None` if no tag has it.
pub fn tag_name(label: &str) -> Option<String> {
    let Some(spelled) = label.strip_prefix(ODD_TAG) else { return Some(label.to_owned()) };
    let mut bytes = Vec::new();
    let mut rest = spelled.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'_' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}
