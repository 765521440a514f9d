//! Whatever a tariff's file holds, its pieces lie in the window in order, or the mistake is named in short.

use crate::text_of;
use picollect_evaluate::Window;
use picollect_evaluate::cost::PriceSeries;

/// The longest message, in bytes: a quoted piece of a line and what is said of it.
const MAX_MESSAGE: usize = 1024;

/// Tries one input; panics if what is promised above does not hold.
pub fn run(input: &[u8]) {
    let file = text_of(input);
    let window = Window { start_ms: 0, end_ms: 4_000_000_000_000 };
    match PriceSeries::parse(file) {
        Ok(series) => {
            let pieces = series.pieces(window);
            assert!(pieces.windows(2).all(|pair| pair[0].0.end_ms == pair[1].0.start_ms));
            for (piece, value) in pieces {
                assert!(window.start_ms <= piece.start_ms && piece.start_ms < piece.end_ms);
                assert!(piece.end_ms <= window.end_ms && value.is_finite());
            }
        }
        Err(error) => assert!(error.to_string().len() < MAX_MESSAGE, "{error}"),
    }
}
