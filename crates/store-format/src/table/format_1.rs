//! Payloads of format 1, which had no two parts: records 3 and more were rows of the group with the number above 3, and
//! the others said no numbers of their own, because they came in their order. Rows stood there as they do in memory.

use super::{COLUMN, GROUP, Group, MAX_COLUMNS, MAX_GROUPS, SHAPE, Table};
use crate::cursor::Cursor;
use crate::replay;
use crate::row::{Base, as_numbered};
use crate::{Damaged, Kind};

const FIRST_ROW: u64 = 3;

impl Table {
    /// Takes in the payload of a frame of format 1. On an error, what stands before the damage is in the table.
    pub(crate) fn replay_1(&mut self, payload: &[u8]) -> Result<(), Damaged> {
        let mut cursor = Cursor::new(payload);
        while !cursor.is_at_end() {
            match cursor.unsigned()? {
                GROUP => self.replay_group(&mut cursor)?,
                COLUMN => self.replay_column(&mut cursor)?,
                SHAPE => self.replay_shape(&mut cursor)?,
                row => self.replay_row(row - FIRST_ROW, payload, &mut cursor)?,
            }
        }
        Ok(())
    }

    fn replay_group(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        if self.groups.len() >= MAX_GROUPS {
            return Err(Damaged("there are too many groups"));
        }
        let (measurement, tags) = replay::group(cursor)?;
        self.insert(measurement, tags);
        Ok(())
    }

    fn known_group(&self, number: u64) -> Result<usize, Damaged> {
        let number = usize::try_from(number).ok();
        number.filter(|number| *number < self.groups.len()).ok_or(Damaged("a group is not there"))
    }

    fn replay_column(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let group = self.known_group(cursor.unsigned()?)?;
        let name = cursor.text()?.to_owned();
        let kind = Kind::from_number(cursor.byte()?).ok_or(Damaged("a column has no known type"))?;
        let column = self.push_column(group, name, kind, Base::default());
        column.map(drop).ok_or(Damaged("a group has too many columns"))
    }

    fn replay_shape(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let group = self.known_group(cursor.unsigned()?)?;
        let group = &mut self.groups[group];
        let count = cursor.count(group.names.len())?;
        let column = |_| cursor.count(MAX_COLUMNS).map(|column| u16::try_from(column).unwrap_or(u16::MAX));
        let list: Box<[u16]> = (0..count).map(column).collect::<Result<_, _>>()?;
        group.shapes.push(list);
        Ok(())
    }

    fn replay_row(&mut self, group: u64, payload: &[u8], cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let group = self.known_group(group)?;
        let group = &mut self.groups[group];
        let (start, mut fields) = (cursor.at(), 0);
        let Group { state, kinds, shapes, .. } = group;
        let numbered = (shapes.as_slice(), as_numbered(shapes));
        let (t_ms, _) = state.in_block().decode((kinds, &[]), numbered, cursor, |_, _, _| fields += 1)?;
        let bytes = &payload[start..cursor.at()];
        group.push(t_ms, bytes);
        self.bytes += bytes.len();
        self.samples += fields;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use picollect_telemetry::Value;

    use super::*;
    use crate::Replay;
    use crate::cursor::{put, put_text};
    use crate::frame::FrameWriter;

    #[test]
    fn a_payload_of_format_1_is_counted_as_it_was() {
        let (mut table, mut frame) = (Table::default(), FrameWriter::default());
        let values = [1.5, 2.5].map(Value::Float);
        let group = table.add_group("m", &[], &mut frame);
        for (name, value) in ["a", "b"].iter().zip(&values) {
            table.add_column(group, name, value, &mut frame);
        }
        let shape = table.shape(group, &[0, 1], &mut frame).unwrap();
        table.stage(group, shape, 5, values.iter(), &mut frame);
        table.commit();
        let mut payload = Vec::new();
        put(&mut payload, GROUP);
        put_text(&mut payload, "m");
        put(&mut payload, 0);
        for name in ["a", "b"] {
            put(&mut payload, COLUMN);
            put(&mut payload, 0);
            put_text(&mut payload, name);
            payload.push(Kind::Float as u8);
        }
        put(&mut payload, SHAPE);
        for number in [0, 2, 0, 1] {
            put(&mut payload, number);
        }
        put(&mut payload, 3);
        payload.extend_from_slice(&table.groups()[0].rows);
        let mut replay = Replay::default();
        replay.take_1(&payload).unwrap();
        assert_eq!((replay.table().samples(), replay.table().bytes()), (2, table.bytes()));
        assert_eq!(replay.table().groups()[0].read_all(), table.groups()[0].read_all());
    }
}
