//! What the rows of a segment, held in memory as a table, say of series.

use std::collections::BTreeSet;

use picollect_store_format::{Kind, Samples, Table};

use crate::{Selector, SeriesKey, StoreError};

/// The type of a series in a table that has it.
pub(super) fn kind_in(table: &Table, key: &SeriesKey) -> Option<Kind> {
    let group = table.find(&key.measurement, &key.tags)?;
    table.groups()[group].column(&key.field).map(|(_, kind)| kind)
}

/// What a table holds of a series from `start_ms` to `end_ms`, if anything.
pub(super) fn samples_between(
    table: &Table,
    key: &SeriesKey,
    start_ms: i64,
    end_ms: i64,
) -> Result<Option<Samples>, StoreError> {
    let group = table.find(&key.measurement, &key.tags).map(|group| &table.groups()[group]);
    let Some((group, (column, _))) = group.and_then(|group| Some((group, group.column(&key.field)?))) else {
        return Ok(None);
    };
    let samples = group.read(column, start_ms, end_ms).map_err(|why| StoreError::Engine {
        message: "the store's memory is damaged".to_owned(),
        source: why.into(),
    })?;
    Ok((!samples.is_empty()).then_some(samples))
}

/// Adds the series of a table that match.
pub(super) fn list_series(table: &Table, selector: &Selector<'_>, found: &mut BTreeSet<SeriesKey>) {
    for group in table.groups().iter().filter(|group| !group.is_empty()) {
        if selector.measurement.is_some_and(|measurement| measurement != group.measurement) {
            continue;
        }
        for (field, _) in
            group.columns().filter(|(field, _)| selector.field.is_none_or(|wanted| wanted == *field))
        {
            let (measurement, tags) = (group.measurement.clone(), group.tags.clone());
            found.insert(SeriesKey { measurement, field: field.to_owned(), tags });
        }
    }
}
