//! A frame as a picture of the panel, in PNG.
//!
//! Four colours with two bits for each pixel, no filter, as the PNG specification (W3C, third edition) lays
//! it out. The crate that compresses what the agent sends does the work here too, so that no other is needed.
//!
//! Invariant: the same frame gives the same bytes.

use std::io::{self, Write as _};

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use crate::oled::Picture;
use crate::pixels::{Dot, Pixels};
use crate::{Backlight, Frame};

/// Pixels from one dot to the next; the last of them is the line between two dots.
const PITCH: usize = 4;
/// The border around the characters, in dots.
const BORDER: usize = 4;
/// Bits for each pixel.
const DEPTH: u8 = 2;
const PIXELS_IN_BYTE: usize = 4;
/// "Indexed colour" of the specification's table of colour types.
const INDEXED: u8 = 3;

/// Indices into the palette.
const GLASS: u8 = 0;
const CLEAR: u8 = 1;
const DARK: u8 = 2;

/// The colours of a light: the glass, a clear dot and a dark one, each red, green and blue.
fn palette(light: Backlight) -> [u8; 9] {
    match light {
        Backlight::On => [0xB4, 0xD4, 0x3C, 0xA9, 0xC9, 0x36, 0x1C, 0x26, 0x10],
        Backlight::Dim => [0x6C, 0x80, 0x28, 0x65, 0x78, 0x25, 0x12, 0x18, 0x0A],
        Backlight::Off => [0x3A, 0x42, 0x28, 0x37, 0x3E, 0x26, 0x1A, 0x1E, 0x12],
    }
}

/// The same of a glass: an unlit dot is just seen.
const GLASS_COLOURS: [u8; 9] = [0x05, 0x08, 0x07, 0x0D, 0x14, 0x13, 0xD6, 0xEE, 0xFF];

/// The bytes of a PNG file that shows the panel: 412 × 100 pixels for 16×2 characters, 508 × 172 for 20×4.
/// An error can come from the compressor only.
pub fn encode(frame: &Frame) -> io::Result<Vec<u8>> {
    encode_pixels(&Pixels::of(frame), palette(frame.backlight()))
}

/// The same for a glass: 544 × 288 pixels for 128×64 dots, 544 × 160 for 128×32.
pub fn encode_glass(picture: &Picture) -> io::Result<Vec<u8>> {
    encode_pixels(&Pixels::of_glass(picture), GLASS_COLOURS)
}

fn encode_pixels(pixels: &Pixels, palette: [u8; 9]) -> io::Result<Vec<u8>> {
    let width = (pixels.width() + 2 * BORDER) * PITCH;
    let height = (pixels.rows().len() + 2 * BORDER) * PITCH;
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header(width, height)?);
    chunk(&mut file, *b"PLTE", &palette);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    for line in lines(pixels) {
        // The first byte of a line names its filter: none.
        packed.write_all(&[0])?;
        packed.write_all(&pack(&line))?;
    }
    chunk(&mut file, *b"IDAT", &packed.finish()?);
    chunk(&mut file, *b"IEND", &[]);
    Ok(file)
}

/// Width, height, depth, colour type, then the only compression and filtering there are, not interlaced.
fn header(width: usize, height: usize) -> io::Result<Vec<u8>> {
    let side = |side: usize| u32::try_from(side).map_err(io::Error::other);
    let sides = [side(width)?.to_be_bytes(), side(height)?.to_be_bytes()].concat();
    Ok([sides.as_slice(), &[DEPTH, INDEXED, 0, 0, 0]].concat())
}

/// Length, name, content, check sum of the last two.
fn chunk(file: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    let mut crc = Crc::new();
    crc.update(&name);
    crc.update(content);
    // A picture of eighty characters is far below four gigabytes.
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    file.extend(length.to_be_bytes());
    file.extend(name);
    file.extend(content);
    file.extend(crc.sum().to_be_bytes());
}

/// The lines of the picture, a palette index for each pixel.
fn lines(pixels: &Pixels) -> Vec<Vec<u8>> {
    let blank = vec![GLASS; (pixels.width() + 2 * BORDER) * PITCH];
    let edge = || std::iter::repeat_n(blank.clone(), BORDER * PITCH);
    let rows = pixels.rows().flat_map(|row| {
        let side = || std::iter::repeat_n(GLASS, BORDER * PITCH);
        let dots = row.iter().flat_map(|dot| spot(*dot));
        let line: Vec<u8> = side().chain(dots).chain(side()).collect();
        std::iter::repeat_n(line, PITCH - 1).chain([blank.clone()])
    });
    edge().chain(rows).chain(edge()).collect()
}

/// A line through a dot, and the gap to the next one.
fn spot(dot: Dot) -> [u8; PITCH] {
    let index = match dot {
        Dot::Gap => GLASS,
        Dot::Clear => CLEAR,
        Dot::Dark => DARK,
    };
    [index, index, index, GLASS]
}

/// Four pixels to a byte, the leftmost in the highest bits.
fn pack(line: &[u8]) -> Vec<u8> {
    let bytes = line.chunks(PIXELS_IN_BYTE);
    bytes
        .map(|four| {
            let padded = four.iter().chain(std::iter::repeat(&GLASS)).take(PIXELS_IN_BYTE);
            padded.fold(0, |byte, index| byte << DEPTH | index)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::Size;

    #[test]
    fn the_picture_has_the_panels_dots_and_can_be_read_back() {
        let mut frame = Frame::blank(Size::SMALL);
        frame.write(0, "█");
        let file = encode(&frame).expect("a picture");
        assert_eq!(file[16..24], [0, 0, 1, 156, 0, 0, 0, 100]);
        let at = file.windows(4).position(|name| name == b"IDAT").expect("pixels");
        let mut lines = Vec::new();
        flate2::read::ZlibDecoder::new(&file[at + 4..]).read_to_end(&mut lines).expect("a stream");
        let stride = 1 + 412 / 4;
        assert_eq!(lines.len(), 100 * stride);
        // A line through the dots: the border, five dark dots, the gap, a clear dot; then the line below them.
        let line = |y: usize| &lines[y * stride + 1..][3..][..8];
        let (dark, clear) = (0b10_10_10_00, 0b01_01_01_00);
        assert_eq!(line(16), [0, dark, dark, dark, dark, dark, 0, clear]);
        assert_eq!(line(19), [0; 8]);
    }

    #[test]
    fn the_end_of_the_file_has_the_check_sum_that_every_png_has() {
        let file = encode(&Frame::blank(Size::LARGE)).expect("a picture");
        assert_eq!(file[file.len() - 12..], *b"\0\0\0\0IEND\xAE\x42\x60\x82");
    }
}
