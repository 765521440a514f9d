//! The picture by which an owner sees whether controller and size are right.

use super::canvas::{Canvas, LEFT, RIGHT, Scale};
use super::display::OledWiring;
use super::{Picture, WIDTH};

/// A frame along the edge of the glass, which is broken or shifted where the controller is another or the size is; the
/// address, what it was taken for, and signs of both kinds.
pub fn trial(wiring: OledWiring) -> Picture {
    let OledWiring { address, controller, size, .. } = wiring;
    let mut canvas = Canvas::new(size, 0);
    let side = |dots: usize| i32::try_from(dots).unwrap_or_default();
    canvas.frame(0, 0, side(WIDTH), side(size.height()));
    canvas.text(LEFT + 2, 3, &format!("picollect {address:#04x}"));
    canvas.text(LEFT + 2, 12, &format!("{} {}", size.name(), controller.name()));
    canvas.text(LEFT + 2, 21, "äöüß °µ ✓");
    if canvas.is_tall() {
        canvas.figures_right(RIGHT - 2, 34, "128", Scale::Twice);
    }
    canvas.finish()
}
