//! The messages of USB/IP between the kernel's virtual host controller and a device on a socket
//! (<https://docs.kernel.org/usb/usbip_protocol.html>), as far as a device with nothing but its control pipe
//! needs them. All numbers are big-endian, but for the setup packet, which is as on the wire of USB.

use std::io::{self, Read};

const HEADER_BYTES: usize = 48;
const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;
const DIRECTION_IN: u32 = 1;
/// `-EPIPE`, which is how Linux says that a device stalled.
const STALLED: i32 = -32;
/// The kernel has no longer control transfers than a page.
const MAX_TRANSFER: usize = 4096;

/// What the host wants of the device.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    sequence: u32,
    /// The transfer; `None` if the host only takes back one that is done anyway.
    pub(crate) transfer: Option<Transfer>,
}

/// A control transfer, by the names of the USB specification.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// `bmRequestType`.
    pub(crate) kind: u8,
    /// `bRequest`.
    pub(crate) request: u8,
    /// `wValue`.
    pub(crate) value: u16,
    /// `wIndex`.
    pub(crate) index: u16,
    /// What comes with it, or how many bytes are wanted.
    pub(crate) data: Data,
}

/// The data stage of a transfer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// Data from the host to the device.
    Out(Vec<u8>),
    /// To the host, at most so many bytes.
    In(usize),
}

/// The device refuses a transfer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stall;

/// The next request; an error when the host has hung up or sends what no control pipe has.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<Request> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let sequence = word(4);
    match word(0) {
        CMD_UNLINK => return Ok(Request { sequence, transfer: None }),
        CMD_SUBMIT => {}
        _ => return Err(io::ErrorKind::InvalidData.into()),
    }
    let length = usize::try_from(word(24)).ok().filter(|length| *length <= MAX_TRANSFER);
    let length = length.ok_or(io::ErrorKind::InvalidData)?;
    let data = if word(12) == DIRECTION_IN {
        Data::In(length)
    } else {
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes)?;
        Data::Out(bytes)
    };
    let [kind, request, value_low, value_high, index_low, index_high, ..] = header[40..] else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let value = u16::from_le_bytes([value_low, value_high]);
    let index = u16::from_le_bytes([index_low, index_high]);
    Ok(Request { sequence, transfer: Some(Transfer { kind, request, value, index, data }) })
}

/// The bytes that answer a request, given what came of its transfer: the bytes for the host.
pub(crate) fn answer(request: &Request, outcome: &Result<Vec<u8>, Stall>) -> Vec<u8> {
    let Some(transfer) = &request.transfer else { return header(RET_UNLINK, request.sequence, 0, 0) };
    match (outcome, &transfer.data) {
        (Err(Stall), _) => header(RET_SUBMIT, request.sequence, STALLED, 0),
        (Ok(_), Data::Out(bytes)) => header(RET_SUBMIT, request.sequence, 0, bytes.len()),
        (Ok(bytes), Data::In(wanted)) => {
            let bytes = &bytes[..bytes.len().min(*wanted)];
            [header(RET_SUBMIT, request.sequence, 0, bytes.len()).as_slice(), bytes].concat()
        }
    }
}

fn header(command: u32, sequence: u32, status: i32, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let mut header = [command.to_be_bytes(), sequence.to_be_bytes()].concat();
    // Device, direction and endpoint are the host's business.
    header.resize(20, 0);
    header.extend(status.to_be_bytes());
    header.extend(length.to_be_bytes());
    header.resize(HEADER_BYTES, 0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request as the kernel sends it.
    fn submit(direction: u32, length: u32, setup: [u8; 8], data: &[u8]) -> Vec<u8> {
        let words = [CMD_SUBMIT, 7, 0x0001_0001, direction, 0, 0, length, 0, 0, 0];
        let head = words.iter().flat_map(|word| word.to_be_bytes());
        head.chain(setup).chain(data.iter().copied()).collect()
    }

    #[test]
    fn what_the_host_wants_to_read_is_answered_with_at_most_that() {
        let bytes = submit(1, 2, [0x80, 6, 0, 1, 0, 0, 2, 0], &[]);
        let request = read(&mut bytes.as_slice()).unwrap();
        let transfer = request.transfer.as_ref().unwrap();
        assert_eq!((transfer.kind, transfer.request, transfer.value), (0x80, 6, 0x0100));
        let answer = answer(&request, &Ok(vec![18, 1, 16]));
        assert_eq!((answer.len(), &answer[..8]), (50, &[0, 0, 0, 3, 0, 0, 0, 7][..]));
        assert_eq!((&answer[20..28], &answer[48..]), (&[0, 0, 0, 0, 0, 0, 0, 2][..], &[18, 1][..]));
    }

    #[test]
    fn what_the_host_writes_is_taken_whole_and_a_stall_is_said() {
        let bytes = submit(0, 3, [0x41, 7, 0, 0, 0x27, 0, 3, 0], &[1, 2, 3]);
        let request = read(&mut bytes.as_slice()).unwrap();
        assert_eq!(request.transfer.as_ref().unwrap().data, Data::Out(vec![1, 2, 3]));
        assert_eq!(answer(&request, &Ok(Vec::new()))[20..28], [0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(answer(&request, &Err(Stall))[20..28], [0xff, 0xff, 0xff, 0xe0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_length_beyond_all_reason_and_an_unknown_command_end_the_connection() {
        assert!(read(&mut submit(0, u32::MAX, [0; 8], &[]).as_slice()).is_err());
        let mut unknown = submit(1, 0, [0; 8], &[]);
        unknown[3] = 9;
        assert!(read(&mut unknown.as_slice()).is_err());
    }
}
