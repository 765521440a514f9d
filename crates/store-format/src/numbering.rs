//! Which of ours a number in the journal is.

/// Numbers of the journal, in order, with ours. They are the same unless a name is lost.
#[derive(Debug, Default)]
pub(crate) struct Numbering(Vec<(u64, usize)>);

impl Numbering {
    /// Ours, if the name was met.
    pub(crate) fn get(&self, number: u64) -> Option<usize> {
        let expected = usize::try_from(number).ok().and_then(|at| self.0.get(at));
        if let Some((_, ours)) = expected.filter(|(known, _)| *known == number) {
            return Some(*ours);
        }
        let at = self.0.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        Some(self.0[at].1)
    }

    /// Notes a number that is not known yet.
    pub(crate) fn insert(&mut self, number: u64, ours: usize) {
        if let Err(at) = self.0.binary_search_by_key(&number, |(known, _)| *known) {
            self.0.insert(at, (number, ours));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_whether_or_not_some_are_lost_before_them() {
        let mut numbering = Numbering::default();
        for (ours, number) in [0, 1, 4, 3, u64::MAX].into_iter().enumerate() {
            numbering.insert(number, ours);
        }
        numbering.insert(4, 99);
        let found: Vec<_> = [0, 1, 2, 3, 4, 5, u64::MAX].map(|number| numbering.get(number)).into();
        assert_eq!(found, [Some(0), Some(1), None, Some(3), Some(2), None, Some(4)]);
    }
}
