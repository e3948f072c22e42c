//! A known pair of RSA keys as large as most tokens want them, made with OpenSSL 3. It protects nothing.

use cryptoki_sys::*;

use super::super::script::{literal, octets};
use crate::sequence::{Attribute, lexicon};

const MODULUS: &str = "\
    d2b0a3af87cb7ddf11db43ce010d2acf34c3a6f3313b8099fbcf6d95f33df3dda7119b172cc3ad938c4e\
    7a0b9467f5552983524e741478a23c3bed2fe05b4ec55912c5667fbccfec30eaad5c50919a32962084c4\
    1e3aaddea2831abd1ebca021e44ab70c40a962bcab20d99952c986e41b42aba7e043ad6c8e7905f8db17\
    0566b20af0d253ec06bad904ecbf12ccad4681e69c6a66927c6a4510537ea7863ede3651547685422a3d\
    2417d56da229f156230498a0bfc5338e1d1518ef5b2b55fb84f3a52c77081e599bc0060a6c4338aa5a21\
    e936c9f01132aed1c1e417a2390dac263d33eb07c26483020622330ab19a833d5edf257585ced94787da\
    782dd6c9";
const PRIVATE_EXPONENT: &str = "\
    0bfdfa5f221552cd88dc685c582279fa8fc8081f6500bc45e7778bc70270970a19798ed08f9f76a8848e\
    adf32d480a8685a5a0206f8a7fc04a39e5faf8e3f1949988903c508e7c6e36ed909f05c5f7d723c4e791\
    ab1fcf6831eb50f10d4812bc431c7e953fb3f477052d8a3d282168e0606dd7cbe71fab061808eaee5a78\
    11ba476e6409bd6d2f8cddc0285f951f00d5dea0ca4d4489261ddbdc6ddd2a4aa11f0b48bc75df7fefd6\
    4a3d6bf334b51c6825a0c33aab82bd92a73eb198ec962affe1b338cf36609e51c1b597cc27e413681025\
    59709fca8f2c06980c8f289182022a12973ce776f0f0ba3681913d41eab21282339323994bdbde27d4ab\
    55795915";
const PRIME_1: &str = "\
    f8396ddd10bb0bb2a516ab6f7b16e206f5e09daab08672ef27628b3e3a6d85424402cca9bf841e00dd9c\
    fd1ba32263499d230369b8ceffc1f5e0159073d3bdda79a67b80eddcf3998efce6e87ab0c7ab1a1dd942\
    6ac0180fc18e30efc1c7a41ee5c3bc756e709b237144f13580fca72bb144018e4211a125560a77d644c3\
    cae5";
const PRIME_2: &str = "\
    d94a369e12a8c161806ea6596c8983bf1845698c218f053e1b695835b5a228a79a45a0581718cd713bd8\
    5adbff1c5762d66c271f78a67c2c504a9feba5b5d09281cc42e99d4102f457ae1a91a3de7ec8235a3c76\
    3349815fe2778f04c356ac5b7e532d727332f2171355d8883c6a62125d38088dd5d2cc945fcbaf0cfe18\
    4a15";
const EXPONENT_1: &str = "\
    0bd228523bc6bc92e05bc904411760e235f96168cc894a95eb093d5a544bfce99ff5862b9b4c3e658a28\
    3cc1812e550e1f6698760370102bfb7a956c50a7c7c5ccbf49e864eb7dca554de3ed345290dfac19b9cb\
    f8eb76f9e11cd565c593ad542f5af7f19bb5cf1d8bfa5d864fc3386ed33d4ad9ac79cc73cbba29e4d157\
    85a5";
const EXPONENT_2: &str = "\
    6f9e08ba60796184f555618c340ddba8510e6eee75daa2e5c96ceecc0036814dbf189f0a412b13756439\
    7a4ae21c2be370a3f3e0ddb81fb71fb385bca5cde48b2db3c07782b8ff8c8671bfe22a5c43a2094ef419\
    ffb47589ccaa7fc40197c747e47753b423eafaa2d1e2da2cf963e866e88dbd0f26d477148cb4f381e810\
    9015";
const COEFFICIENT: &str = "\
    6682634aa8114d52d3c83a6995b96c7fa87ef8b5a84bb1b9434a901a6436431e629d79faf79c69400424\
    81534d00f77ffec4f13a215c65eec4a1c06174bdf2ef7cacd0680683e289e6b3c578015635bea6217b5d\
    583a2c3a80a70b135d8bd25d0cf0ad7613196c0941d2c811a13bbfe10e709c7a4800fd937ffd0a3ebdf1\
    8fed";

/// The numbers of the public half, and of the private one.
pub(super) fn rsa() -> [Vec<Attribute>; 2] {
    let public = [(CKA_MODULUS, MODULUS), (CKA_PUBLIC_EXPONENT, "010001")];
    let private = [
        (CKA_PRIVATE_EXPONENT, PRIVATE_EXPONENT),
        (CKA_PRIME_1, PRIME_1),
        (CKA_PRIME_2, PRIME_2),
        (CKA_EXPONENT_1, EXPONENT_1),
        (CKA_EXPONENT_2, EXPONENT_2),
        (CKA_COEFFICIENT, COEFFICIENT),
    ];
    let number = |(name, hex): (u64, &str)| {
        let bytes = lexicon::from_hex(hex).unwrap_or_default();
        octets(name, literal(&bytes))
    };
    let all = public.into_iter().chain(private).map(number).collect();
    [public.map(number).into(), all]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_size() {
        let sizes = [
            (MODULUS, 256),
            (PRIVATE_EXPONENT, 256),
            (PRIME_1, 128),
            (PRIME_2, 128),
            (EXPONENT_1, 128),
            (EXPONENT_2, 128),
            (COEFFICIENT, 128),
        ];
        for (hex, size) in sizes {
            let bytes = lexicon::from_hex(hex).expect("hexadecimal digits");
            assert_eq!(bytes.len(), size);
        }
    }
}
