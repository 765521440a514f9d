//! The cheapest way to bring a memory from what it holds to what it should hold.
//!
//! The address counter goes up by one with each datum, and both memories are rings. A datum costs four bytes
//! on the bus; going elsewhere costs four, and two more because RS changes there and back. So of two cells that
//! have to be written and lie in order, one cell between them is rewritten (4 < 6), and two or more are jumped
//! (8 > 6): each gap is decided for itself, because every jump costs the same wherever it leads. Where each datum
//! is followed by idle bytes for a fast bus, both costs grow by them and the rule stays. Only if RS is low at the
//! start, which it is right after initialising, may another way be cheaper, by two bytes at most.

/// The longest run of unchanged cells that is rewritten and not jumped over.
const LONGEST_BRIDGE: usize = 1;

/// A move of the address counter or a datum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// Go to this place.
    To(usize),
    /// Write this and go one further.
    Put(u8),
}

/// The way from `known` to `wanted`, two rings of equal length. Where `wanted` is `None`, anything may stand;
/// where `known` is, nobody knows what does. `at` is where the address counter stands, if that is in this ring.
pub(crate) fn travel(wanted: &[Option<u8>], known: &[Option<u8>], at: Option<usize>) -> Vec<Travel> {
    let length = wanted.len();
    let changed = |cell: usize| wanted[cell].is_some() && wanted[cell] != known[cell];
    let start = at.unwrap_or_else(|| after_the_longest_gap(length, changed));
    let mut way = Vec::new();
    let mut here = at;
    for cell in (start..start + length).map(|cell| cell % length).filter(|&cell| changed(cell)) {
        match here.map(|here| (cell + length - here) % length) {
            Some(gap) if gap <= LONGEST_BRIDGE => {
                let bridge = (0..gap).map(|back| (cell + length - gap + back) % length);
                way.extend(bridge.map(|cell| Travel::Put(unchanged(wanted[cell], known[cell]))));
            }
            _ => way.push(Travel::To(cell)),
        }
        way.extend(wanted[cell].map(Travel::Put));
        here = Some((cell + 1) % length);
    }
    way
}

/// What to put where nothing has to change: what is wanted, or what is there, or a blank.
fn unchanged(wanted: Option<u8>, known: Option<u8>) -> u8 {
    wanted.or(known).unwrap_or(b' ')
}

/// The changed cell that follows the longest gap: what comes closely after each other is not torn where the ring
/// ends, and of a ring without such a place the longest bridge is spared.
fn after_the_longest_gap(length: usize, changed: impl Fn(usize) -> bool) -> usize {
    let gap = |cell: usize| (1..length).take_while(|back| !changed((cell + length - back) % length)).count();
    (0..length).rev().filter(|&cell| changed(cell)).max_by_key(|&cell| gap(cell)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Travel::{Put, To};
    use super::*;

    const CELLS: usize = 9;

    /// Bytes on the bus for a way that begins with RS at this level.
    fn cost(way: &[Travel], rs: bool) -> usize {
        let mut rs_now = rs;
        let mut bytes = 0;
        for step in way {
            let rs_next = matches!(step, Travel::Put(_));
            bytes += 4 + usize::from(rs_next != rs_now);
            rs_now = rs_next;
        }
        bytes
    }

    /// The least cost of all ways there are, for every set of cells still to be written, every place of the
    /// counter (the last one: elsewhere) and both levels of RS. Found by going round until nothing gets cheaper.
    fn least() -> Vec<[[usize; 2]; CELLS + 1]> {
        let mut least = vec![[[usize::MAX / 2; 2]; CELLS + 1]; 1 << CELLS];
        least[0] = [[0; 2]; CELLS + 1];
        for left in 1..1usize << CELLS {
            for _ in 0..=CELLS + 1 {
                for at in (0..=CELLS).rev() {
                    for rs in 0..2 {
                        let put = if at < CELLS {
                            4 + (1 - rs) + least[left & !(1 << at)][(at + 1) % CELLS][1]
                        } else {
                            usize::MAX
                        };
                        let jump = (0..CELLS).map(|to| 4 + rs + least[left][to][0]).min().unwrap();
                        least[left][at][rs] = least[left][at][rs].min(put).min(jump);
                    }
                }
            }
        }
        least
    }

    #[test]
    fn no_other_way_is_cheaper_for_any_change_of_a_small_ring() {
        let least = least();
        for (changed, least) in least.iter().enumerate() {
            let wanted: Vec<_> = (0..CELLS).map(|cell| Some(u8::from(changed >> cell & 1 == 1))).collect();
            for (at, least) in least.iter().enumerate() {
                let way = travel(&wanted, &[Some(0); CELLS], (at < CELLS).then_some(at));
                assert_eq!(cost(&way, true), least[1], "{changed:b} from {at}");
                let after_an_instruction = cost(&way, false) - least[0];
                assert!(after_an_instruction <= 2, "{changed:b} from {at}");
            }
        }
    }

    #[test]
    fn one_unchanged_cell_is_rewritten_and_two_are_jumped_over() {
        let known: Vec<_> = b"48.3 C 5.1 W".iter().copied().map(Some).collect();
        let wanted: Vec<_> = b"49.4 C 5.2 W".iter().copied().map(Some).collect();
        assert_eq!(
            travel(&wanted, &known, Some(0)),
            [Put(b'4'), Put(b'9'), Put(b'.'), Put(b'4'), To(9), Put(b'2')]
        );
        let wanted: Vec<_> = b"58.3 C 5.1 W".iter().copied().map(Some).collect();
        assert_eq!(travel(&wanted, &known, Some(0)), [Put(b'5')]);
    }

    #[test]
    fn the_unknown_is_written_and_the_unwanted_is_left() {
        let wanted = [Some(7), None, None, Some(7), None];
        assert_eq!(travel(&wanted, &[Some(7), None, None, None, None], None), [To(3), Put(7)]);
        assert_eq!(travel(&wanted, &[None; 5], Some(0)), [Put(7), To(3), Put(7)]);
        assert_eq!(travel(&wanted, &[Some(7); 5], None), []);
    }
}
