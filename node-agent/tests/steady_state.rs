//! What the sampler allocates once it runs: nothing.
//!
//! A node's agent runs for years at a tick a second, and each allocation is time taken from the work that
//! is measured. Counted is every call of the global allocator by the thread that samples, from the start
//! of the tick to the last line in the writer's buffer, which is used again at each tick. The meters and
//! the push have threads of their own and are not counted. An allocator counts for a whole program, so
//! this test is one.

use std::path::Path;
use std::time::Duration;

use picollect_agent::queue::Counts;
use picollect_agent::sampler::Sampler;
use picollect_board::attr::Root;
use picollect_board::clock::{Clock, Stamps};
use picollect_board::identity::Board;
use picollect_metering::discover as discover_meters;
use picollect_metering::metered::Metered;
use picollect_metering::power_model::PowerModel;
use picollect_metering::stop::Stop;
use picollect_sensors::discover;
use picollect_telemetry::line::LineWriter;

/// Buffers have found their size and files are open after the first tick, shares come with the second;
/// the other ticks give lines some room to grow.
const WARM_UP_TICKS: u64 = 5;
/// More than a minute, so that what is done once a minute is done.
const TICKS: u64 = 70;

/// A board's sampler with everything that was found, and where its lines go.
struct Bench {
    sampler: Sampler,
    writer: LineWriter,
    stamps: Stamps,
    stop: Stop,
}

impl Bench {
    fn of(root: &Path) -> Self {
        let (root, clock, stop) = (Root::new(root), Clock::start(), Stop::default());
        let board = Board::read(&root);
        let start = |meter| Metered::start(meter, clock.clone(), stop.clone()).expect("a thread");
        let meters: Vec<_> = discover_meters(&root).into_iter().map(start).collect();
        let model = if meters.is_empty() { PowerModel::choose(None, &board, 4) } else { None };
        let (interval, sensors) = (Duration::from_secs(1), discover(&root));
        let mut sampler = Sampler::new(interval, board, clock.clone());
        let measured = !meters.is_empty();
        sampler.take_over(meters, model, measured, sensors);
        let writer = LineWriter::new(&[("cluster", "home"), ("host", "node")]);
        Self { sampler, writer, stamps: clock.stamps(), stop }
    }

    fn tick(&mut self, second: u64) {
        let now = Duration::from_secs(second);
        self.sampler.sample(now, self.stamps, Counts::default(), &mut self.writer);
    }

    /// Allocations of the ticks after the warm-up, and of the hand-over after each of them.
    fn measure(mut self) -> (u64, u64) {
        let (mut sampling, mut handing_over) = (0, 0);
        for second in 0..WARM_UP_TICKS + TICKS {
            let tick = allocation_counter::measure(|| self.tick(second));
            let taken = allocation_counter::measure(|| drop(self.writer.take()));
            if second >= WARM_UP_TICKS {
                sampling += tick.count_total;
                handing_over += taken.count_total;
            }
        }
        self.stop.order();
        (sampling, handing_over)
    }
}

fn fixture(board: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/boards").join(board)
}

/// The hand-over copies the lines into a buffer of their own, which then belongs to the queue: one
/// allocation a tick.
#[track_caller]
fn allocates_nothing_but_the_hand_over(root: &Path) {
    assert_eq!(Bench::of(root).measure(), (0, TICKS), "{}", root.display());
}

#[test]
fn a_boards_sampler_allocates_nothing() {
    for board in ["pi-3b-plus", "pi-4b", "pi-5", "x86"] {
        allocates_nothing_but_the_hand_over(&fixture(board));
    }
}

#[test]
fn the_sampler_of_this_machine_allocates_nothing() {
    allocates_nothing_but_the_hand_over(Path::new("/"));
}

/// What this test counts with does count.
#[test]
fn an_allocation_is_seen() {
    assert_eq!(allocation_counter::measure(|| drop(vec![0u8; 8])).count_total, 1);
}
