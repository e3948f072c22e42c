//! What a token computes that does not look whether a point is on P-256: the usual formulas have no use for
//! the last number of the equation, so that they go on on the curve that does have the point. For a seeded
//! fault; the points of the curve itself belong to `nist_p256`.

use crrl::field::GFp256;

/// Bytes of a coordinate.
const LENGTH: usize = 32;

/// A point in the coordinates of Jacobi: x is X / Z^2 and y is Y / Z^3, and Z is zero at infinity.
#[derive(Clone, Copy)]
struct Jacobian([GFp256; 3]);

/// The first coordinate of a private value times an uncompressed point, whatever curve that is on.
pub(super) fn agree(value: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let coordinates = point.strip_prefix(&[4])?;
    let (x, y) = coordinates.split_at_checked(LENGTH)?;
    let point = Jacobian([element(x)?, element(y)?, GFp256::ONE]);
    let bits = value
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    let infinity = Jacobian([GFp256::ONE, GFp256::ONE, GFp256::ZERO]);
    let product = bits.fold(infinity, |so_far, bit| {
        let doubled = so_far.doubled();
        if bit { doubled.plus(&point) } else { doubled }
    });
    Some(product.x())
}

/// A coordinate: the crate reads numbers with the lowest digit first.
fn element(digits: &[u8]) -> Option<GFp256> {
    let reversed: Vec<u8> = digits.iter().rev().copied().collect();
    GFp256::decode(&reversed)
}

impl Jacobian {
    fn is_infinity(&self) -> bool {
        self.0[2].iszero() != 0
    }

    /// Twice the point: dbl-2001-b of the Explicit-Formulas Database, for curves with a = -3.
    fn doubled(self) -> Jacobian {
        let [x, y, z] = self.0;
        let (delta, gamma) = (z.square(), y.square());
        let beta = x * gamma;
        let alpha = ((x - delta) * (x + delta)).mul3();
        let doubled = alpha.square() - beta.mul8();
        Jacobian([
            doubled,
            alpha * (beta.mul4() - doubled) - gamma.square().mul8(),
            (y + z).square() - gamma - delta,
        ])
    }

    /// The sum with a point that has 1 for Z: madd of the Explicit-Formulas Database in its plainest form.
    fn plus(self, other: &Jacobian) -> Jacobian {
        let ([x, y, z], [other_x, other_y, _]) = (self.0, other.0);
        if self.is_infinity() {
            return *other;
        }
        let (h, r) = (other_x * z.square() - x, other_y * z.square() * z - y);
        if h.iszero() != 0 && r.iszero() != 0 {
            return self.doubled();
        }
        let (squared, cubed) = (h.square(), h.square() * h);
        let both = x * squared;
        let sum = r.square() - cubed - both.mul2();
        Jacobian([sum, r * (both - sum) - y * cubed, z * h])
    }

    /// The first coordinate, big-endian; zero at infinity.
    fn x(self) -> Vec<u8> {
        let [x, _, z] = self.0;
        (x / z.square()).encode32().into_iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::nist_p256;
    use super::*;
    use crate::mechanisms::random;

    /// On the curve itself it is the same as with the check.
    #[test]
    fn on_the_curve_both_agree() {
        for _ in 0..8 {
            let (one, other) = (random(LENGTH).unwrap(), random(LENGTH).unwrap());
            let point = nist_p256::public_point(&other).unwrap();
            assert_eq!(agree(&one, &point), nist_p256::agree(&one, &point));
        }
    }

    /// A point of order two tells the last bit of the private value: (5, 0), or the point at infinity.
    #[test]
    fn a_point_of_order_two_tells_a_bit() {
        let mut point = vec![0; 1 + 2 * LENGTH];
        (point[0], point[LENGTH]) = (4, 5);
        for value in [2_u8, 3] {
            let secret = agree(&[value], &point).unwrap();
            assert_eq!(secret[LENGTH - 1], if value == 3 { 5 } else { 0 });
        }
    }
}
