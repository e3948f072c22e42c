//! The little DER that key attributes and DigestInfo need. Anything larger belongs to a crate.

/// Tag of an OBJECT IDENTIFIER.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// Tag of a PrintableString.
pub(super) const PRINTABLE_STRING: u8 = 0x13;

/// A NULL.
pub(super) const NULL: [u8; 2] = [0x05, 0x00];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Class and form of context-specific tags.
const CONTEXT: u8 = 0x80;
const CONSTRUCTED: u8 = 0x20;

/// A SEQUENCE of encoded elements.
pub(super) fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &elements.concat())
}

/// A SET OF elements that are encoded one after the other, in their order.
pub(super) fn set(elements: &[u8]) -> Vec<u8> {
    element(SET, elements)
}

/// `[number]` around elements: EXPLICIT, or IMPLICIT in the place of a SET or SEQUENCE.
pub(super) fn tagged(number: u8, elements: &[u8]) -> Vec<u8> {
    element(CONTEXT | CONSTRUCTED | number, elements)
}

/// `[number] IMPLICIT` in the place of a string.
pub(super) fn implicit(number: u8, content: &[u8]) -> Vec<u8> {
    element(CONTEXT | number, content)
}

/// An OCTET STRING.
pub(super) fn octet_string(content: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, content)
}

/// A BIT STRING without unused bits.
pub(super) fn bit_string(content: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], content].concat())
}

/// A non-negative INTEGER from its big-endian magnitude.
pub(super) fn unsigned_integer(magnitude: &[u8]) -> Vec<u8> {
    let digits = trim(magnitude);
    let sign: &[u8] = if digits.first().is_none_or(|first| first & 0x80 != 0) {
        &[0]
    } else {
        &[]
    };
    element(INTEGER, &[sign, digits].concat())
}

/// A big-endian number without leading zero bytes.
pub(super) fn trim(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The content of an OCTET STRING that is all of `encoding`.
pub(super) fn read_octet_string(encoding: &[u8]) -> Option<&[u8]> {
    let (tag, content) = read(encoding)?;
    (tag == OCTET_STRING).then_some(content)
}

/// The content of an OCTET STRING at the beginning of `encoding`, and what follows it.
pub(super) fn split_octet_string(encoding: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, rest) = encoding.split_first()?;
    let (length, rest) = read_length(rest)?;
    let split = rest.split_at_checked(length)?;
    (*tag == OCTET_STRING).then_some(split)
}

/// The tag and content of an element that is all of `encoding`.
pub(super) fn read(encoding: &[u8]) -> Option<(u8, &[u8])> {
    let (tag, rest) = encoding.split_first()?;
    let (length, content) = read_length(rest)?;
    (content.len() == length).then_some((*tag, content))
}

fn read_length(encoding: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = encoding.split_first()?;
    if first & 0x80 == 0 {
        return Some((usize::from(*first), rest));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if digits.is_empty() || digits.len() > size_of::<u32>() {
        return None;
    }
    let length = digits
        .iter()
        .fold(0, |length, digit| length << 8 | usize::from(*digit));
    // DER: the short form below 128, and no digits that are not needed.
    let shortest = length >= 0x80 && digits.first() != Some(&0);
    shortest.then_some((length, rest))
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoding = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => encoding.push(short),
        _ => {
            let bytes = content.len().to_be_bytes();
            let digits = trim(&bytes);
            encoding.push(0x80 | digits.len() as u8);
            encoding.extend_from_slice(digits);
        }
    }
    encoding.extend_from_slice(content);
    encoding
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes from hexadecimal digits, for test vectors.
    pub(crate) fn hex(digits: &str) -> Vec<u8> {
        let digits: Vec<u8> = digits
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn octet_strings_read_back_at_every_length_form() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            assert_eq!(
                read_octet_string(&octet_string(&content)),
                Some(&content[..])
            );
        }
    }

    #[test]
    fn a_truncated_or_trailing_octet_string_is_refused() {
        let encoding = octet_string(&[1; 130]);
        assert_eq!(read_octet_string(&encoding[..encoding.len() - 1]), None);
        let trailing = [&encoding[..], &[0]].concat();
        assert_eq!(read_octet_string(&trailing), None);
        let split = split_octet_string(&trailing);
        assert_eq!(split, Some((&[1; 130][..], &[0][..])));
        assert_eq!(split_octet_string(&encoding[..encoding.len() - 1]), None);
        assert_eq!(split_octet_string(&[0x05, 0x00]), None);
        assert_eq!(read_octet_string(&[0x04, 0x84, 1]), None);
        assert_eq!(read_octet_string(&[0x04, 0x81, 1, 7]), None);
    }

    #[test]
    fn an_integer_with_its_top_bit_set_stays_positive() {
        assert_eq!(unsigned_integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned_integer(&[0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned_integer(&[0]), [2, 1, 0]);
    }
}
