//! The labels of a series.

/// The label that holds a metric's name.
pub(crate) const NAME: &str = "__name__";

/// Labels that say what a metric is, and that its values lose when something is computed of them.
const OF_THE_METRIC: [&str; 3] = [NAME, "__type__", "__unit__"];

/// How much of a name or a value an error repeats, in characters, and of how many labels.
const LONGEST_SHOWN: usize = 200;
const MOST_SHOWN: usize = 50;

/// Names and values, in the order of names; an empty value is no label.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// Labels from pairs in any order; of two with one name the later counts.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut labels = Self::default();
        for (name, value) in pairs {
            labels.set(&name, value);
        }
        labels
    }

    /// The value of a label; empty if it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |at| self.0[at].1.as_str())
    }

    /// All of them, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Bytes that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len() + size_of::<(String, String)>()).sum()
    }

    /// As people read them, in an error; what is long is cut off.
    pub(crate) fn shown(&self) -> String {
        let short = |text: &str| text.chars().take(LONGEST_SHOWN).collect::<String>();
        let pairs =
            self.iter().take(MOST_SHOWN).map(|(name, value)| format!("{}={:?}", short(name), short(value)));
        pairs.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn set(&mut self, name: &str, value: String) {
        match (self.find(name), value.is_empty()) {
            (Ok(at), true) => drop(self.0.remove(at)),
            (Ok(at), false) => self.0[at].1 = value,
            (Err(_), true) => {}
            (Err(at), false) => self.0.insert(at, (name.to_owned(), value)),
        }
    }

    /// What remains without the labels of these names.
    pub(crate) fn without<S: AsRef<str>>(mut self, names: &[S]) -> Self {
        self.0.retain(|(label, _)| !names.iter().any(|name| name.as_ref() == label));
        self
    }

    /// What remains of the labels of these names.
    pub(crate) fn only<S: AsRef<str>>(mut self, names: &[S]) -> Self {
        self.0.retain(|(label, _)| names.iter().any(|name| name.as_ref() == label));
        self
    }

    /// Without what says which metric it is.
    pub(crate) fn nameless(self) -> Self {
        self.without(&OF_THE_METRIC)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(label, _)| label.as_str().cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::new(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn they_are_sorted_and_an_empty_value_is_none() {
        let mut got = labels(&[("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(got.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        got.set("a", String::new());
        assert_eq!((got.get("a"), got.get("b")), ("", "3"));
    }

    #[test]
    fn a_name_is_three_labels() {
        let all = labels(&[("__name__", "m"), ("__type__", "gauge"), ("__unit__", "W"), ("host", "a")]);
        assert_eq!(all.nameless(), labels(&[("host", "a")]));
    }
}
