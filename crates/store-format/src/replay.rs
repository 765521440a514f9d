//! A segment as it is read back: frames, of which some may be lost, become a table.
//!
//! First the names of all frames are learnt, then their rows are taken in: a name is said in several frames, and the
//! first of them may be the one that is lost.

use crate::cursor::Cursor;
use crate::frame::parts;
use crate::numbering::Numbering;
use crate::row::{Base, Seen};
use crate::table::{COLUMN, GROUP, MAX_COLUMNS, MAX_GROUPS, MAX_TAGS, SHAPE, Table};
use crate::{Damaged, Kind};

/// A table as far as the frames of a segment have been read.
#[derive(Debug, Default)]
pub struct Replay {
    table: Table,
    groups: Numbering,
    names: Vec<Names>,
}

/// The numbers of a group's columns and shapes.
#[derive(Debug, Default)]
struct Names {
    columns: Numbering,
    shapes: Numbering,
}

impl Replay {
    /// What has been taken in.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Takes in a payload of format 1, which needs all payloads before it. On an error, what stands before the damage
    /// is in the table, and nothing that follows can be understood.
    pub fn take_1(&mut self, payload: &[u8]) -> Result<(), Damaged> {
        self.table.replay_1(payload)
    }

    /// Learns the names that a payload says. One that builds on a name that is lost is left out: it is said again after
    /// that one.
    pub fn learn(&mut self, payload: &[u8]) -> Result<(), Damaged> {
        let (names, _) = parts(payload)?;
        let mut cursor = Cursor::new(names);
        while !cursor.is_at_end() {
            match cursor.unsigned()? {
                GROUP => self.learn_group(&mut cursor)?,
                COLUMN => self.learn_column(&mut cursor)?,
                SHAPE => self.learn_shape(&mut cursor)?,
                _ => return Err(Damaged("a name is of no known kind")),
            }
        }
        Ok(())
    }

    /// Takes in the rows of a payload. On an error, those before it are in the table.
    pub fn take(&mut self, payload: &[u8]) -> Result<(), Damaged> {
        let (_, rows) = parts(payload)?;
        let mut cursor = Cursor::new(rows);
        self.table.begin_frame();
        while !cursor.is_at_end() {
            let group = self.groups.get(cursor.unsigned()?).ok_or(Damaged("the name of a group is lost"))?;
            let shapes = &self.names[group].shapes;
            self.table.take_row(group, &mut cursor, |number| shapes.get(number))?;
        }
        Ok(())
    }

    fn learn_group(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let number = cursor.unsigned()?;
        let (measurement, tags) = group(cursor)?;
        if self.groups.get(number).is_some() {
            return Ok(());
        }
        if self.names.len() >= MAX_GROUPS {
            return Err(Damaged("there are too many groups"));
        }
        self.groups.insert(number, self.table.insert(measurement, tags));
        self.names.push(Names::default());
        Ok(())
    }

    fn learn_column(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let group = cursor.unsigned()?;
        let number = cursor.unsigned()?;
        let name = cursor.text()?.to_owned();
        let kind = Kind::from_number(cursor.byte()?).ok_or(Damaged("a column has no known type"))?;
        let base = Base::read(kind, cursor)?;
        let Some(group) = self.groups.get(group) else { return Ok(()) };
        if self.names[group].columns.get(number).is_none() {
            let column = self.table.push_column(group, name, kind, base);
            let column = column.ok_or(Damaged("a group has too many columns"))?;
            self.names[group].columns.insert(number, usize::from(column));
        }
        Ok(())
    }

    fn learn_shape(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Damaged> {
        let group = cursor.unsigned()?;
        let number = cursor.unsigned()?;
        let count = cursor.count(MAX_COLUMNS)?;
        let numbers = (0..count).map(|_| cursor.unsigned()).collect::<Result<Vec<_>, _>>()?;
        let Some(group) = self.groups.get(group) else { return Ok(()) };
        let Names { columns, shapes } = &mut self.names[group];
        let column = |number: &u64| columns.get(*number).and_then(|column| u16::try_from(column).ok());
        let list = numbers.iter().map(column).collect::<Option<Box<[u16]>>>();
        if let Some(list) = list.filter(|_| shapes.get(number).is_none()) {
            shapes.insert(number, self.table.push_shape(group, list));
        }
        Ok(())
    }
}

/// The names of a group, behind its number.
pub(crate) fn group(cursor: &mut Cursor<'_>) -> Result<(String, Vec<(String, String)>), Damaged> {
    let measurement = cursor.text()?.to_owned();
    let count = cursor.count(MAX_TAGS)?;
    let pair = |_| Ok((cursor.text()?.to_owned(), cursor.text()?.to_owned()));
    Ok((measurement, (0..count).map(pair).collect::<Result<_, _>>()?))
}

impl Seen<'_> {
    /// The value on its own.
    pub(crate) fn value(self) -> picollect_telemetry::Value {
        use picollect_telemetry::Value;
        match self {
            Self::Float(value) => Value::Float(value),
            Self::Int(value) => Value::Int(value),
            Self::UInt(value) => Value::UInt(value),
            Self::Bool(value) => Value::Bool(value),
            Self::Text(text) => Value::Text(text.to_owned()),
        }
    }
}
