//! Digest mechanisms: [PKCS11-Base 3.2] sections 6.20 to 6.31 and 6.33 to 6.36, and those of the
//! historical mechanisms.

use std::sync::LazyLock;

use cryptoki_sys::*;

use super::hash::Running;
use super::sha512t::Sha512t;
use super::{Digesting, Entry, Family, Form, Hash, Mechanism};
use crate::rv::{Result, refusal};

/// The digest mechanisms.
pub(super) struct Digests;

fn entry(mechanism: CK_MECHANISM_TYPE, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: (0, 0),
        flags: CKF_DIGEST,
        form,
        keys: &[],
    }
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let fixed = Hash::all().map(|hash| entry(hash.mechanism(), Form::None));
    fixed.chain([entry(CKM_SHA512_T, Form::Ulong)]).collect()
});

/// A running digest of some length.
pub(super) struct RunningDigest {
    length: usize,
    running: Box<dyn Running>,
}

impl RunningDigest {
    pub(super) fn new(running: Box<dyn Running>, length: usize) -> RunningDigest {
        RunningDigest { length, running }
    }
}

impl Digesting for RunningDigest {
    fn length(&self) -> usize {
        self.length
    }
    fn update(&mut self, data: &[u8]) {
        let full = !data.is_empty() && data.len().is_multiple_of(64);
        let lost = usize::from(full && mutant!("digest-loses-a-byte-at-block-border"));
        let data = &data[..data.len() - lost];
        self.running.update(data);
    }
    fn finish(self: Box<Self>) -> Vec<u8> {
        self.running.finish()
    }
    fn duplicate(&self) -> Box<dyn Digesting> {
        Box::new(RunningDigest {
            length: self.length,
            running: self.running.duplicate(),
        })
    }
}

impl Family for Digests {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn digest(&self, mechanism: &Mechanism) -> Result<Box<dyn Digesting>> {
        if mechanism.kind == CKM_SHA512_T {
            let hash = Sha512t::named(mechanism)?;
            return Ok(Box::new(RunningDigest::new(hash.running(), hash.length())));
        }
        let hash = Hash::by_mechanism(mechanism.kind).ok_or(refusal(CKR_MECHANISM_INVALID))?;
        Ok(Box::new(RunningDigest::new(hash.running(), hash.length())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::Parameter;
    use crate::mechanisms::der::tests::hex;
    use crate::mechanisms::trial::{digest, mechanism, plain};

    /// "abc": RFC 1319 and RFC 1321 appendix A.5, the RIPEMD page of its authors, the examples of
    /// FIPS 180-4 and FIPS 202, RFC 7693 appendix A, and for BLAKE2b's other lengths the reference
    /// implementation.
    #[rustfmt::skip]
    const OF_ABC: [(CK_MECHANISM_TYPE, &str); 19] = [
        (CKM_MD2, "da853b0d3f88d99b30283a69e6ded6bb"),
        (CKM_MD5, "900150983cd24fb0d6963f7d28e17f72"),
        (CKM_RIPEMD128, "c14a12199c66e4ba84636b0f69144c77"),
        (CKM_RIPEMD160, "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
        (CKM_SHA_1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (CKM_SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (CKM_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (CKM_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed
                      8086072ba1e7cc2358baeca134c825a7"),
        (CKM_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
        (CKM_SHA512_224, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
        (CKM_SHA512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        (CKM_SHA3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
        (CKM_SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
        (CKM_SHA3_384, "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2
                        98d88cea927ac7f539f1edf228376d25"),
        (CKM_SHA3_512, "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e
                        10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"),
        (CKM_BLAKE2B_160, "384264f676f39536840523f284921cdc68b6846b"),
        (CKM_BLAKE2B_256, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
        (CKM_BLAKE2B_384, "6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6
                           c66ba83be64b302d7cba6ce15bb556f4"),
        (CKM_BLAKE2B_512, "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1
                           7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"),
    ];

    #[test]
    fn every_digest_gives_the_published_answer_for_abc() {
        for (kind, answer) in OF_ABC {
            assert_eq!(digest(&plain(kind), b"abc"), Ok(hex(answer)), "{kind:#x}");
        }
        let tested: Vec<_> = OF_ABC.iter().map(|(kind, _)| *kind).collect();
        for entry in ENTRIES.iter().filter(|entry| entry.form == Form::None) {
            assert!(tested.contains(&entry.mechanism), "{:#x}", entry.mechanism);
        }
    }

    #[test]
    fn digests_do_not_depend_on_how_their_input_is_cut() {
        let data: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for (kind, _) in OF_ABC {
            let hash = Hash::by_mechanism(kind).unwrap();
            assert_eq!(digest(&plain(kind), &data), Ok(hash.digest(&[&data])));
        }
    }

    /// Section 6.27.2: t is a number of bits below 512, and 384 is another hash.
    #[test]
    fn sha_512_t_takes_its_length_from_the_parameter() {
        let with = |bits| mechanism(CKM_SHA512_T, Parameter::Ulong(bits));
        let named = digest(&plain(CKM_SHA512_256), b"abc");
        assert_eq!(digest(&with(256), b"abc"), named);
        assert_eq!(digest(&with(13), b"abc").unwrap().len(), 2);
        for bits in [0, 384, 512, CK_ULONG::MAX] {
            let refused = digest(&with(bits), b"abc").unwrap_err();
            assert_eq!(refused.code(), CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
