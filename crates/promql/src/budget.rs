//! What a query has taken so far of what it may take.
//!
//! Invariant: whatever grows with the data or with a label's length is charged before it is built. What ends with the
//! function that built it is on [`Lease`] and comes back; everything else stays charged until the query's end.

use std::cell::Cell;
use std::mem::size_of;

use crate::error::Error;
use crate::labels::Labels;
use crate::{Context, Limits};

/// Steps of work between two looks at the clock: a millisecond's worth or so.
const WORK_BETWEEN_LOOKS: usize = 1 << 18;
/// What an entry of a map takes beside its key: the value, the hash and the room kept free.
const MAP_ENTRY_BYTES: usize = 64;

/// The limits of one query with what of them is used.
pub(crate) struct Budget<'a> {
    limits: Limits,
    out_of_time: &'a dyn Fn() -> bool,
    series: Cell<usize>,
    samples: Cell<usize>,
    memory_bytes: Cell<usize>,
    work: Cell<usize>,
}

impl<'a> Budget<'a> {
    pub(crate) fn of(context: &Context<'a>) -> Self {
        let zero = || Cell::new(0);
        let (limits, out_of_time) = (context.limits, context.out_of_time);
        Self { limits, out_of_time, series: zero(), samples: zero(), memory_bytes: zero(), work: zero() }
    }

    /// How many more series and samples may be read.
    pub(crate) fn left(&self) -> (usize, usize) {
        (self.limits.series - self.series.get(), self.limits.samples - self.samples.get())
    }

    /// How many samples were read.
    pub(crate) fn samples(&self) -> usize {
        self.samples.get()
    }

    /// Counts what a selector found.
    pub(crate) fn charge_found(&self, series: usize, samples: usize) -> Result<(), Error> {
        charge(&self.series, series, self.limits.series, Error::TooManySeries)?;
        charge(&self.samples, samples, self.limits.samples, Error::TooManySamples)
    }

    /// Charges so many elements of a size until the query's end.
    pub(crate) fn charge<T>(&self, elements: usize) -> Result<(), Error> {
        self.charge_bytes(elements.saturating_mul(size_of::<T>()))
    }

    pub(crate) fn charge_bytes(&self, bytes: usize) -> Result<(), Error> {
        charge(&self.memory_bytes, bytes, self.limits.memory_bytes, Error::TooMuchMemory)
    }

    /// Charges bytes that come back when the lease ends.
    pub(crate) fn lease(&self, bytes: usize) -> Result<Lease<'_>, Error> {
        let mut lease = Lease { memory_bytes: &self.memory_bytes, most: self.limits.memory_bytes, bytes: 0 };
        lease.add(bytes)?;
        Ok(lease)
    }

    /// Counts work and looks at the clock now and then.
    pub(crate) fn work(&self, steps: usize) -> Result<(), Error> {
        let work = self.work.get().saturating_add(steps).saturating_add(1);
        if work < WORK_BETWEEN_LOOKS {
            self.work.set(work);
            return Ok(());
        }
        self.work.set(0);
        self.look_at_the_clock()
    }

    pub(crate) fn look_at_the_clock(&self) -> Result<(), Error> {
        if (self.out_of_time)() { Err(Error::OutOfTime) } else { Ok(()) }
    }
}

/// Memory of one function's own, given back when it is dropped.
pub(crate) struct Lease<'b> {
    memory_bytes: &'b Cell<usize>,
    most: usize,
    bytes: usize,
}

impl Lease<'_> {
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        charge(self.memory_bytes, bytes, self.most, Error::TooMuchMemory)
    }

    /// Adds an entry of a map whose key are these labels.
    pub(crate) fn add_entry(&mut self, labels: &Labels) -> Result<(), Error> {
        self.add(labels.bytes().saturating_add(MAP_ENTRY_BYTES))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.memory_bytes.set(self.memory_bytes.get().saturating_sub(self.bytes));
    }
}

/// Takes something from what is left of a limit.
fn charge(taken: &Cell<usize>, more: usize, most: usize, error: fn(usize) -> Error) -> Result<(), Error> {
    taken.set(taken.get().saturating_add(more));
    if taken.get() > most { Err(error(most)) } else { Ok(()) }
}
