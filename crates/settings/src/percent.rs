//! Text in addresses: what RFC 3986 calls unreserved stands as it is, every other byte is `%` and two digits.

/// Percent-encoded but for what is unreserved and these bytes.
pub fn encoded(text: &str, but: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || but.contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
