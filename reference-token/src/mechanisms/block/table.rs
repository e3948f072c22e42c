//! The mechanisms of block ciphers: which there are, with what is published about each. What runs
//! them is in `family`.

use cryptoki_sys::*;

use super::chain::Padding;
use super::{Kind, keywrap};
use crate::mechanisms::{Entry, Form};

/// A block cipher as mechanisms see it.
#[derive(Debug)]
pub(super) struct Cipher {
    pub(super) kind: Kind,
    /// Bytes in a block.
    pub(super) block: usize,
    /// Key sizes to publish, in bytes; 0 where the cipher's section leaves the fields unused.
    sizes: (CK_ULONG, CK_ULONG),
    keys: &'static [CK_KEY_TYPE],
}

const fn cipher(
    kind: Kind,
    block: usize,
    sizes: (CK_ULONG, CK_ULONG),
    keys: &'static [CK_KEY_TYPE],
) -> Cipher {
    Cipher {
        kind,
        block,
        sizes,
        keys,
    }
}

static AES: Cipher = cipher(Kind::Aes, 16, (16, 32), &[CKK_AES]);
static ARIA: Cipher = cipher(Kind::Aria, 16, (16, 32), &[CKK_ARIA]);
static BLOWFISH: Cipher = cipher(Kind::Blowfish, 8, (4, 56), &[CKK_BLOWFISH]);
static CAMELLIA: Cipher = cipher(Kind::Camellia, 16, (16, 32), &[CKK_CAMELLIA]);
/// 1 to 16 bytes, says the historical section 2.2.5; RFC 2144 begins at 5.
static CAST128: Cipher = cipher(Kind::Cast128, 8, (5, 16), &[CKK_CAST128]);
static DES: Cipher = cipher(Kind::Des, 8, (0, 0), &[CKK_DES]);
static DES3: Cipher = cipher(Kind::Des, 8, (0, 0), &[CKK_DES2, CKK_DES3]);
/// Section 6.18.8: the stream modes have no mechanisms of their own for the longer keys.
static ANY_DES: Cipher = cipher(Kind::Des, 8, (0, 0), &[CKK_DES, CKK_DES2, CKK_DES3]);
static IDEA: Cipher = cipher(Kind::Idea, 8, (0, 0), &[CKK_IDEA]);
static TWOFISH: Cipher = cipher(Kind::Twofish, 16, (16, 32), &[CKK_TWOFISH]);
/// Two AES keys in one: section 6.15.2.
static AES_XTS: Cipher = cipher(Kind::Aes, 16, (32, 64), &[CKK_AES_XTS]);
/// RFC 3566 has no other keys.
static AES_128: Cipher = cipher(Kind::Aes, 16, (16, 16), &[CKK_AES]);

/// How long a MAC is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// This many bytes.
    To(usize),
    /// As many as the parameter says.
    Asked,
}

/// What a mechanism does with its cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Ecb,
    Cbc(Padding),
    Cts,
    Xts,
    Ofb,
    /// Feedback of one byte of output.
    Ofb8,
    Cfb1,
    /// Feedback of so many bytes of ciphertext.
    Cfb(usize),
    Ctr,
    /// An authenticated mode, which `aead` knows by its mechanism.
    Aead(Form),
    KeyWrap(keywrap::Padding, Form),
    CbcMac(Cut),
    Cmac(Cut),
    Xcbc(Cut),
    Gmac,
}

/// A mechanism.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) mechanism: CK_MECHANISM_TYPE,
    pub(super) cipher: &'static Cipher,
    pub(super) mode: Mode,
    flags: CK_FLAGS,
}

const CIPHERS: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT;
const WRAPS: CK_FLAGS = CIPHERS | CKF_WRAP | CKF_UNWRAP;
const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY;

const fn row(
    mechanism: CK_MECHANISM_TYPE,
    cipher: &'static Cipher,
    mode: Mode,
    flags: CK_FLAGS,
) -> Row {
    Row {
        mechanism,
        cipher,
        mode,
        flags,
    }
}

use Cut::{Asked, To};
use Mode::*;
use Padding::{None as Unpadded, Pkcs7};

#[rustfmt::skip]
pub(super) static ROWS: &[Row] = &[
    row(CKM_AES_ECB,          &AES, Ecb,            WRAPS),
    row(CKM_AES_CBC,          &AES, Cbc(Unpadded),  WRAPS),
    row(CKM_AES_CBC_PAD,      &AES, Cbc(Pkcs7),     WRAPS),
    row(CKM_AES_CTR,          &AES, Ctr,            WRAPS),
    row(CKM_AES_CTS,          &AES, Cts,            WRAPS),
    row(CKM_AES_OFB,          &AES, Ofb,            WRAPS),
    row(CKM_AES_CFB1,         &AES, Cfb1,           WRAPS),
    row(CKM_AES_CFB8,         &AES, Cfb(1),         WRAPS),
    row(CKM_AES_CFB64,        &AES, Cfb(8),         WRAPS),
    row(CKM_AES_CFB128,       &AES, Cfb(16),        WRAPS),
    row(CKM_AES_GCM,          &AES, Aead(Form::Gcm), WRAPS),
    row(CKM_AES_CCM,          &AES, Aead(Form::Ccm), WRAPS),
    row(CKM_AES_XTS,          &AES_XTS, Xts,        WRAPS),
    row(CKM_AES_KEY_WRAP,       &AES, KeyWrap(keywrap::Padding::None,  Form::BytesOrNone(8)), WRAPS),
    // Section 6.16.3.2 no longer says what this one is. Where version 2.40 of the mechanisms uses
    // it (its sections 2.1.21 and 2.3.12) it is RFC 5649, the same as KWP.
    row(CKM_AES_KEY_WRAP_PAD,   &AES, KeyWrap(keywrap::Padding::Zeros, Form::None),           WRAPS),
    row(CKM_AES_KEY_WRAP_KWP,   &AES, KeyWrap(keywrap::Padding::Zeros, Form::BytesOrNone(4)), WRAPS),
    row(CKM_AES_KEY_WRAP_PKCS7, &AES, KeyWrap(keywrap::Padding::Pkcs7, Form::BytesOrNone(8)), WRAPS),
    row(CKM_AES_MAC,          &AES, CbcMac(To(8)),  SIGNS),
    row(CKM_AES_MAC_GENERAL,  &AES, CbcMac(Asked),  SIGNS),
    row(CKM_AES_CMAC,         &AES, Cmac(To(16)),   SIGNS),
    row(CKM_AES_CMAC_GENERAL, &AES, Cmac(Asked),    SIGNS),
    row(CKM_AES_XCBC_MAC,     &AES_128, Xcbc(To(16)), SIGNS),
    row(CKM_AES_XCBC_MAC_96,  &AES_128, Xcbc(To(12)), SIGNS),
    row(CKM_AES_GMAC,         &AES, Gmac,           SIGNS),

    row(CKM_DES_ECB,          &DES, Ecb,            WRAPS),
    row(CKM_DES_CBC,          &DES, Cbc(Unpadded),  WRAPS),
    row(CKM_DES_CBC_PAD,      &DES, Cbc(Pkcs7),     WRAPS),
    row(CKM_DES_MAC,          &DES, CbcMac(To(4)),  SIGNS),
    row(CKM_DES_MAC_GENERAL,  &DES, CbcMac(Asked),  SIGNS),
    row(CKM_DES_OFB64,        &ANY_DES, Ofb,        CIPHERS),
    row(CKM_DES_OFB8,         &ANY_DES, Ofb8,       CIPHERS),
    row(CKM_DES_CFB64,        &ANY_DES, Cfb(8),     CIPHERS),
    row(CKM_DES_CFB8,         &ANY_DES, Cfb(1),     CIPHERS),
    row(CKM_DES3_ECB,         &DES3, Ecb,           WRAPS),
    row(CKM_DES3_CBC,         &DES3, Cbc(Unpadded), WRAPS),
    row(CKM_DES3_CBC_PAD,     &DES3, Cbc(Pkcs7),    WRAPS),
    row(CKM_DES3_MAC,         &DES3, CbcMac(To(4)), SIGNS),
    row(CKM_DES3_MAC_GENERAL, &DES3, CbcMac(Asked), SIGNS),
    row(CKM_DES3_CMAC,        &DES3, Cmac(To(8)),   SIGNS),
    row(CKM_DES3_CMAC_GENERAL, &DES3, Cmac(Asked),  SIGNS),

    row(CKM_CAMELLIA_ECB,         &CAMELLIA, Ecb,           WRAPS),
    row(CKM_CAMELLIA_CBC,         &CAMELLIA, Cbc(Unpadded), WRAPS),
    row(CKM_CAMELLIA_CBC_PAD,     &CAMELLIA, Cbc(Pkcs7),    WRAPS),
    // Section 6.47.7 has its parameter; the table of functions has forgotten the mechanism.
    row(CKM_CAMELLIA_CTR,         &CAMELLIA, Ctr,           CIPHERS),
    row(CKM_CAMELLIA_MAC,         &CAMELLIA, CbcMac(To(8)), SIGNS),
    row(CKM_CAMELLIA_MAC_GENERAL, &CAMELLIA, CbcMac(Asked), SIGNS),

    row(CKM_ARIA_ECB,         &ARIA, Ecb,           WRAPS),
    row(CKM_ARIA_CBC,         &ARIA, Cbc(Unpadded), WRAPS),
    row(CKM_ARIA_CBC_PAD,     &ARIA, Cbc(Pkcs7),    WRAPS),
    row(CKM_ARIA_MAC,         &ARIA, CbcMac(To(8)), SIGNS),
    row(CKM_ARIA_MAC_GENERAL, &ARIA, CbcMac(Asked), SIGNS),

    row(CKM_BLOWFISH_CBC,     &BLOWFISH, Cbc(Unpadded), WRAPS),
    row(CKM_BLOWFISH_CBC_PAD, &BLOWFISH, Cbc(Pkcs7),    WRAPS),
    row(CKM_TWOFISH_CBC,      &TWOFISH, Cbc(Unpadded),  WRAPS),
    row(CKM_TWOFISH_CBC_PAD,  &TWOFISH, Cbc(Pkcs7),     WRAPS),

    row(CKM_CAST128_ECB,          &CAST128, Ecb,            WRAPS),
    row(CKM_CAST128_CBC,          &CAST128, Cbc(Unpadded),  WRAPS),
    row(CKM_CAST128_CBC_PAD,      &CAST128, Cbc(Pkcs7),     WRAPS),
    row(CKM_CAST128_MAC,          &CAST128, CbcMac(To(4)),  SIGNS),
    row(CKM_CAST128_MAC_GENERAL,  &CAST128, CbcMac(Asked),  SIGNS),
    row(CKM_IDEA_ECB,             &IDEA, Ecb,            WRAPS),
    row(CKM_IDEA_CBC,             &IDEA, Cbc(Unpadded),  WRAPS),
    row(CKM_IDEA_CBC_PAD,         &IDEA, Cbc(Pkcs7),     WRAPS),
    row(CKM_IDEA_MAC,             &IDEA, CbcMac(To(4)),  SIGNS),
    row(CKM_IDEA_MAC_GENERAL,     &IDEA, CbcMac(Asked),  SIGNS),
];

impl Row {
    /// What C_GetMechanismInfo says about it.
    pub(super) fn entry(&self) -> Entry {
        Entry {
            mechanism: self.mechanism,
            sizes: self.cipher.sizes,
            flags: self.flags,
            form: self.form(),
            keys: self.cipher.keys,
        }
    }

    fn form(&self) -> Form {
        match self.mode {
            Ecb => Form::None,
            Cbc(_) | Cts | Xts | Ofb | Ofb8 | Cfb1 | Cfb(_) => Form::Bytes(self.cipher.block),
            Ctr => Form::Ctr,
            Aead(form) | KeyWrap(_, form) => form,
            Gmac => Form::Gcm,
            CbcMac(Asked) | Cmac(Asked) | Xcbc(Asked) => Form::Ulong,
            CbcMac(_) | Cmac(_) | Xcbc(_) => Form::None,
        }
    }

    /// Sections 6.10.4 and 6.10.5, and 6.16.3.1: modes without padding wrap keys padded with zero
    /// bytes to a multiple of this.
    pub(super) fn wrap_block(&self) -> usize {
        match self.mode {
            Ecb | Cbc(Unpadded) => self.cipher.block,
            KeyWrap(keywrap::Padding::None, _) => self.cipher.block / 2,
            _ => 1,
        }
    }
}
