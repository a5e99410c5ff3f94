//! Base64 with padding (RFC 4648), strictly: no blanks, no missing padding, no loose bits.

/// The bytes that a text stands for; `None` if it is no base64.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let last = bytes.len().saturating_sub(4);
    for (at, group) in bytes.chunks_exact(4).enumerate() {
        let padding = if at * 4 == last { group.iter().rev().take_while(|b| **b == b'=').count() } else { 0 };
        if padding > 2 {
            return None;
        }
        let mut bits = 0_u32;
        for byte in group.get(..4 - padding)? {
            bits = bits << 6 | u32::from(digit(*byte)?);
        }
        bits <<= 6 * padding;
        let [_, first, second, third] = bits.to_be_bytes();
        let kept = 3 - padding;
        if [first, second, third].get(kept..)?.iter().any(|loose| *loose != 0) {
            return None;
        }
        out.extend([first, second, third].get(..kept)?);
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_vectors_of_the_standard_are_read() {
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for bad in ["Z", "Zg=", "Zh==", "Z===", "====", "Zm=v", "Zm9v\n", "Zg==Zg==", "Zm9_"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
