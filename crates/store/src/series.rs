//! What is stored and how it is named: series, the samples of one, and their numbers in steps of time.

use picollect_telemetry::Value;
use picollect_telemetry::line::escape_tag;

/// Names one series: the measurement, the tags and the field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// The line protocol's measurement.
    pub measurement: String,
    /// The line protocol's field.
    pub field: String,
    /// Tag keys and values, sorted by key.
    pub tags: Vec<(String, String)>,
}

impl SeriesKey {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The tags in line protocol's spelling: one text for one set of tags.
    pub fn tags_text(tags: &[(String, String)]) -> String {
        let mut text = String::new();
        for (key, value) in tags {
            if !text.is_empty() {
                text.push(',');
            }
            escape_tag(key, &mut text);
            text.push('=');
            escape_tag(value, &mut text);
        }
        text
    }

    /// Splits such a text at its unescaped commas and equals signs.
    pub fn tags_from_text(text: &str) -> Vec<(String, String)> {
        let mut tags = vec![(String::new(), String::new())];
        let (mut in_value, mut chars) = (false, text.chars());
        while let Some(character) = chars.next() {
            let Some((key, value)) = tags.last_mut() else { break };
            let target = if in_value { value } else { key };
            match character {
                '\\' => match chars.clone().next() {
                    Some(escaped @ (',' | '=' | ' ')) => {
                        target.push(escaped);
                        chars.next();
                    }
                    _ => target.push('\\'),
                },
                ',' => {
                    tags.push((String::new(), String::new()));
                    in_value = false;
                }
                '=' if !in_value => in_value = true,
                _ => target.push(character),
            }
        }
        tags.retain(|(key, _)| !key.is_empty());
        tags
    }
}

/// Which series are meant; what is not given is any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selector<'a> {
    /// Only series of this measurement.
    pub measurement: Option<&'a str>,
    /// Only series of this field.
    pub field: Option<&'a str>,
    /// Tags that have to be there with these values.
    pub tags: &'a [(&'a str, &'a str)],
}

/// What is left of a series where it was downsampled, and its samples where it was not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesSteps {
    /// The samples that are still there one by one, in order of time. Of a series without steps also those that
    /// downsampling kept.
    pub samples: Vec<StoredSample>,
    /// What the samples of each step came to, in order of time. Of what was downsampled none of a series whose samples
    /// nobody adds up, such as a counter's.
    pub steps: Vec<Step>,
    /// What [`Store::read`](crate::Store::read) shows of what was downsampled; `None` if nothing was.
    pub downsampled: Option<Downsampled>,
}

/// What several samples came to: those that were downsampled to one, or those of a chunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When the last of them was taken, Unix milliseconds.
    pub t_ms: i64,
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least of them.
    pub min: f64,
    /// The greatest of them.
    pub max: f64,
    /// The last of them.
    pub last: f64,
}

/// What a downsampled series shows in place of its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downsampled {
    /// Of each step one number, mostly the mean.
    ToNumbers,
    /// Some of its samples, as they came: those that a counter's increase or a state's changes need.
    ToSamples,
}

/// A value at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSample {
    /// When it was taken, Unix milliseconds.
    pub t_ms: i64,
    /// Of its series' type.
    pub value: Value,
}

/// The numbers of a series in one step of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Beginning of the step, Unix milliseconds.
    pub start_ms: i64,
    /// How many samples the step has, at least one.
    pub count: u32,
    /// What the samples add up to.
    pub sum: f64,
    /// The least of them.
    pub min: f64,
    /// The greatest of them.
    pub max: f64,
    /// The earliest of them.
    pub first: f64,
    /// The latest of them.
    pub last: f64,
}
