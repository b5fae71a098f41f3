//! Bytes as the texts that they may be: as they are, and as UTF-16.

/// Bytes as a text.
pub(super) struct Reading {
    /// The text.
    pub(super) text: Vec<u8>,
    /// What is what it seems: text that was put together from pieces of a program may not be.
    pub(super) is_sure: bool,
}

/// The other texts that bytes may be: none, unless there are signs of one with two bytes for a
/// letter.
///
/// What has no byte order mark is read in the order that its zeros suggest, and once more without
/// zeros, which finds text in two bytes for a letter inside of something else.
pub(super) fn others(content: &[u8]) -> Vec<Reading> {
    let decoded = |content: &[u8], number: fn([u8; 2]) -> u16| {
        let units = content.chunks_exact(2).map(|pair| number([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Reading { text: text.into_bytes(), is_sure: true }
    };
    match content {
        [0xFF, 0xFE, rest @ ..] => vec![decoded(rest, u16::from_le_bytes)],
        [0xFE, 0xFF, rest @ ..] => vec![decoded(rest, u16::from_be_bytes)],
        _ => {
            let Some(first) = memchr::memchr(0, content) else { return Vec::new() };
            let zeros = |from: usize| content.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
            let number = if zeros(1) >= zeros(0) { u16::from_le_bytes } else { u16::from_be_bytes };
            let mut text = content[..first].to_vec();
            text.extend(content[first..].iter().filter(|byte| **byte != 0));
            let in_order = Reading { is_sure: false, ..decoded(content, number) };
            vec![in_order, Reading { text, is_sure: false }]
        }
    }
}
