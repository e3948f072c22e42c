//! Public exponents of RSA that FIPS 186-5, A.1.1, has nobody choose: even ones, those not above 2^16, and
//! those of more than 256 bits.

/// True of a big-endian number, whatever zeros it begins with, that is no public exponent by FIPS 186-5.
pub(super) fn is_weak(exponent: &[u8]) -> bool {
    let zeros = exponent.iter().take_while(|byte| **byte == 0).count();
    let digits = &exponent[zeros..];
    let is_even = digits.last().is_none_or(|last| last % 2 == 0);
    is_even || !(3..=32).contains(&digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_odd_and_between_two_to_the_16_and_two_to_the_256() {
        let longest = [0xff; 32];
        let too_long = [&[1], &[0; 31][..], &[1]].concat();
        for (exponent, weak) in [
            (&[][..], true),
            (&[0], true),
            (&[1], true),
            (&[3], true),
            (&[0, 0, 0, 3], true),
            (&[0xff, 0xff], true),
            (&[1, 0, 0], true),
            (&[1, 0, 1], false),
            (&[0, 1, 0, 1], false),
            (&[1, 0, 2], true),
            (&[1, 0, 0, 0, 1], false),
            (&longest, false),
            (&too_long, true),
        ] {
            assert_eq!(is_weak(exponent), weak, "{exponent:02x?}");
        }
    }
}
