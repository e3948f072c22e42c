//! Modes over AES, and the rules about lengths and parameters.

use cryptoki_sys::*;

use crate::mechanisms::Parameter;
use crate::mechanisms::der::tests::hex;
use crate::mechanisms::trial::{both, cipher, mechanism, plain, sign, with_iv};

/// The key, vector and plaintext of NIST SP 800-38A appendix F.
const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const IV: &str = "000102030405060708090a0b0c0d0e0f";
const PLAINTEXT: &str = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
                         30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";

fn refused(encrypting: bool, mechanism: &crate::mechanisms::Mechanism, data: &[u8]) -> CK_RV {
    cipher(encrypting, mechanism, &hex(KEY), data)
        .unwrap_err()
        .code()
}

fn counter(bits: CK_ULONG, block: [u8; 16]) -> crate::mechanisms::Mechanism {
    mechanism(CKM_AES_CTR, Parameter::Ctr { bits, block })
}

/// NIST SP 800-38A sections F.1.1, F.2.1, F.3.1, F.3.7, F.3.13, F.4.1 and F.5.1.
#[test]
fn modes_give_the_answers_of_sp_800_38a() {
    let (key, iv, plaintext) = (hex(KEY), hex(IV), hex(PLAINTEXT));
    let ecb = "3ad77bb40d7a3660a89ecaf32466ef97 f5d3d58503b9699de785895a96fdbaaf
               43b1cd7f598ece23881b00e3ed030688 7b0c785e27e8ad3f8223207104725dd4";
    both(&plain(CKM_AES_ECB), &key, &plaintext, &hex(ecb));
    let cbc = "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
               73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7";
    both(&with_iv(CKM_AES_CBC, &iv), &key, &plaintext, &hex(cbc));
    let cfb = "3b3fd92eb72dad20333449f8e83cfb4a c8a64537a0b3a93fcde3cdad9f1ce58b
               26751f67a3cbb140b1808cf187a4f4df c04b05357c5d1c0eeac4c66f9ff7f2e6";
    both(&with_iv(CKM_AES_CFB128, &iv), &key, &plaintext, &hex(cfb));
    let ofb = "3b3fd92eb72dad20333449f8e83cfb4a 7789508d16918f03f53c52dac54ed825
               9740051e9c5fecf64344f7a82260edcc 304c6528f659c77866a510d9c1d6ae5e";
    both(&with_iv(CKM_AES_OFB, &iv), &key, &plaintext, &hex(ofb));
    let cfb8 = "3b79424c9c0dd436bace9e0ed4586a4f32b9";
    let mechanism = with_iv(CKM_AES_CFB8, &iv);
    both(&mechanism, &key, &plaintext[..18], &hex(cfb8));
    let mechanism = with_iv(CKM_AES_CFB1, &iv);
    both(&mechanism, &key, &plaintext[..2], &hex("68b3"));
    let ctr = "874d6191b620e3261bef6864990db6ce 9806f66b7970fdff8617187bb9fffdff
               5ae4df3edbd5d35e5b4f09020db03eab 1e031dda2fbe03d1792170a0f3009cee";
    let start = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").try_into().unwrap();
    both(&counter(128, start), &key, &plaintext, &hex(ctr));
}

/// SP 800-38A section 6.3 with segments of 64 bits, computed block by block with ECB.
#[test]
fn cfb_of_64_bits_feeds_back_half_a_block() {
    let (key, plaintext) = (hex(KEY), hex(PLAINTEXT));
    let (mut register, mut expected) = (hex(IV), Vec::new());
    for segment in plaintext.chunks(8) {
        let stream = cipher(true, &plain(CKM_AES_ECB), &key, &register).unwrap();
        let segment: Vec<_> = segment.iter().zip(stream).map(|(a, b)| a ^ b).collect();
        register = [&register[8..], &segment].concat();
        expected.extend(segment);
    }
    both(
        &with_iv(CKM_AES_CFB64, &hex(IV)),
        &key,
        &plaintext,
        &expected,
    );
}

/// RFC 3962 appendix B gives answers for the third variant, whose last two blocks the first has in
/// the other order.
#[test]
fn stealing_gives_the_answers_of_rfc_3962_in_the_order_of_cs1() {
    let key = hex("636869636b656e207465726979616b69");
    let plaintext = b"I would like the General Gau's Chicken, please,";
    let mechanism = with_iv(CKM_AES_CTS, &[0; 16]);
    let answer = hex("97 c6353568f2bf8cb4d8a580362da7ff7f");
    both(&mechanism, &key, &plaintext[..17], &answer);
    let answer = hex("97687268d6ecccc0c07b25e25ecfe5 fc00783e0efdb2c1d445d4c8eff7ed22");
    both(&mechanism, &key, &plaintext[..31], &answer);
    let answer = hex("97687268d6ecccc0c07b25e25ecfe584 39312523a78662d5be7fcbcc98ebf5a8");
    both(&mechanism, &key, &plaintext[..32], &answer);
    let answer = hex(
        "97687268d6ecccc0c07b25e25ecfe584 39312523a78662d5be7fcbcc98ebf5
                      b3fffd940c16a18c1b5549d2f838029e",
    );
    both(&mechanism, &key, &plaintext[..47], &answer);
}

#[test]
fn stealing_modes_keep_every_length_from_a_block_on() {
    let xts_key: Vec<u8> = (0..32).collect();
    let modes = [
        (with_iv(CKM_AES_CTS, &hex(IV)), hex(KEY)),
        (with_iv(CKM_AES_XTS, &hex(IV)), xts_key),
    ];
    for (mechanism, key) in modes {
        for length in 16..70 {
            let plaintext = vec![0xa5; length];
            let encrypted = cipher(true, &mechanism, &key, &plaintext).unwrap();
            assert_eq!(encrypted.len(), length);
            let decrypted = cipher(false, &mechanism, &key, &encrypted);
            assert_eq!(decrypted.unwrap(), plaintext);
        }
        let short = |encrypting| cipher(encrypting, &mechanism, &key, &[1; 15]);
        assert_eq!(short(true).unwrap_err().code(), CKR_DATA_LEN_RANGE);
        assert_eq!(
            short(false).unwrap_err().code(),
            CKR_ENCRYPTED_DATA_LEN_RANGE
        );
    }
    let short_key = cipher(true, &with_iv(CKM_AES_XTS, &hex(IV)), &hex(KEY), &[0; 16]);
    assert_eq!(short_key.unwrap_err().code(), CKR_KEY_SIZE_RANGE);
}

#[test]
fn padding_reads_back_at_every_length_and_damage_is_invalid() {
    let mechanism = with_iv(CKM_AES_CBC_PAD, &[3; 16]);
    for length in 0..40 {
        let plaintext = vec![0xa5; length];
        let encrypted = cipher(true, &mechanism, &hex(KEY), &plaintext).unwrap();
        assert_eq!(encrypted.len(), length / 16 * 16 + 16);
        let decrypted = cipher(false, &mechanism, &hex(KEY), &encrypted);
        assert_eq!(decrypted.unwrap(), plaintext);
    }
    let unpadded = with_iv(CKM_AES_CBC, &[3; 16]);
    for last in [0, 17, 2] {
        let padded = [[9; 15].as_slice(), &[last]].concat();
        let sealed = cipher(true, &unpadded, &hex(KEY), &padded).unwrap();
        assert_eq!(
            refused(false, &mechanism, &sealed),
            CKR_ENCRYPTED_DATA_INVALID
        );
    }
    for length in [0, 15, 17] {
        let code = refused(false, &mechanism, &vec![1; length]);
        assert_eq!(code, CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
}

#[test]
fn modes_without_padding_take_whole_blocks_only() {
    for mechanism in [plain(CKM_AES_ECB), with_iv(CKM_AES_CBC, &[0; 16])] {
        assert_eq!(refused(true, &mechanism, &[0; 15]), CKR_DATA_LEN_RANGE);
        assert_eq!(
            refused(false, &mechanism, &[0; 33]),
            CKR_ENCRYPTED_DATA_LEN_RANGE
        );
        let nothing = cipher(true, &mechanism, &hex(KEY), &[]);
        assert!(nothing.unwrap().is_empty());
    }
}

/// Section 6.11.3: with a counter of two bits that starts at one, three blocks.
#[test]
fn a_counter_that_would_overflow_ends_the_message() {
    let mut block = [0; 16];
    block[15] = 0b1111_1101;
    let narrow = counter(2, block);
    let most = cipher(true, &narrow, &hex(KEY), &[0; 48]).unwrap();
    assert_eq!(refused(true, &narrow, &[0; 49]), CKR_DATA_LEN_RANGE);
    assert_eq!(
        refused(false, &narrow, &[0; 49]),
        CKR_ENCRYPTED_DATA_LEN_RANGE
    );
    // Nothing else of the block is touched on the way.
    let wide = cipher(true, &counter(128, block), &hex(KEY), &[0; 48]);
    assert_eq!(wide.unwrap(), most);
    for bits in [0, 129] {
        let code = refused(true, &counter(bits, block), &[0; 1]);
        assert_eq!(code, CKR_MECHANISM_PARAM_INVALID);
    }
    let last = counter(128, [0xff; 16]);
    assert!(cipher(true, &last, &hex(KEY), &[0; 16]).is_ok());
    assert_eq!(refused(true, &last, &[0; 17]), CKR_DATA_LEN_RANGE);
}

/// RFC 3566 section 4.6, test cases 1 to 6.
#[test]
fn xcbc_mac_gives_the_answers_of_rfc_3566() {
    let key: Vec<u8> = (0..16).collect();
    let message: Vec<u8> = (0..34).collect();
    for (length, mac) in [
        (0, "75f0251d528ac01c4573dfd584d79f29"),
        (3, "5b376580ae2f19afe7219ceef172756f"),
        (16, "d2a246fa349b68a79998a4394ff7a263"),
        (20, "47f51b4564966215b8985c63055ed308"),
        (32, "f54f0ec8d2b9f3d36807734bd5283fd4"),
        (34, "becbb3bccdb518a30677d5481fb6b4d8"),
    ] {
        let message = &message[..length];
        let full = sign(&plain(CKM_AES_XCBC_MAC), &key, message).unwrap();
        assert_eq!(full, hex(mac), "{length} bytes");
        let short = sign(&plain(CKM_AES_XCBC_MAC_96), &key, message).unwrap();
        assert_eq!(short, full[..12]);
    }
    let refused = sign(&plain(CKM_AES_XCBC_MAC), &[0; 32], b"").unwrap_err();
    assert_eq!(refused.code(), CKR_KEY_SIZE_RANGE);
}

/// FIPS 113: the MAC is the beginning of the last block of a CBC encryption under a vector of
/// zeros, of data filled up with zeros.
#[test]
fn aes_mac_is_the_end_of_a_cbc_encryption() {
    let plaintext = hex(PLAINTEXT);
    let mut padded = plaintext[..37].to_vec();
    padded.resize(48, 0);
    let cbc = cipher(true, &with_iv(CKM_AES_CBC, &[0; 16]), &hex(KEY), &padded).unwrap();
    let mac = sign(&plain(CKM_AES_MAC), &hex(KEY), &plaintext[..37]).unwrap();
    assert_eq!(mac, cbc[32..40]);
    let asked = |length| mechanism(CKM_AES_MAC_GENERAL, Parameter::Ulong(length));
    let whole = sign(&asked(16), &hex(KEY), &plaintext[..37]).unwrap();
    assert_eq!(whole, cbc[32..]);
    for length in [0, 17] {
        let refused = sign(&asked(length), &hex(KEY), b"").unwrap_err();
        assert_eq!(refused.code(), CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn gcm_and_gmac_refuse_parameters_beyond_their_structure() {
    let gcm = |kind, iv: &[u8], aad: &[u8], tag_bits| {
        let (iv, aad) = (iv.to_vec(), aad.to_vec());
        mechanism(kind, Parameter::Gcm { iv, aad, tag_bits })
    };
    for (iv, tag_bits) in [
        (&[][..], 128),
        (&[0; 12], 129),
        (&[0; 12], 136),
        (&[0; 12], 12),
    ] {
        let code = refused(true, &gcm(CKM_AES_GCM, iv, b"", tag_bits), b"");
        assert_eq!(code, CKR_MECHANISM_PARAM_INVALID);
    }
    let sealed = cipher(
        true,
        &gcm(CKM_AES_GCM, &[0; 12], b"", 96),
        &hex(KEY),
        b"abc",
    )
    .unwrap();
    assert_eq!(sealed.len(), 3 + 12);
    let with_aad = sign(&gcm(CKM_AES_GMAC, &[0; 12], b"aad", 128), &hex(KEY), b"");
    assert_eq!(with_aad.unwrap_err().code(), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn ccm_takes_as_much_data_as_was_announced() {
    let ccm = |data_length, nonce: usize, mac_length| {
        let (nonce, aad) = (vec![1; nonce], vec![2; 20]);
        let parameter = Parameter::Ccm {
            data_length,
            nonce,
            aad,
            mac_length,
        };
        mechanism(CKM_AES_CCM, parameter)
    };
    let sealed = cipher(true, &ccm(40, 12, 8), &hex(KEY), &[7; 40]).unwrap();
    assert_eq!(sealed.len(), 48);
    for length in [39, 41] {
        let code = refused(true, &ccm(40, 12, 8), &vec![7; length]);
        assert_eq!(code, CKR_DATA_LEN_RANGE);
    }
    for length in [39, 41] {
        let code = refused(false, &ccm(length, 12, 8), &sealed);
        assert_eq!(code, CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
    assert_eq!(
        refused(false, &ccm(40, 12, 8), &sealed[..7]),
        CKR_ENCRYPTED_DATA_LEN_RANGE
    );
    for (length, nonce, mac) in [
        (0, 6, 8),
        (0, 14, 8),
        (0, 12, 5),
        (0, 12, 2),
        (0, 12, 18),
        (1 << 16, 13, 8),
    ] {
        let code = refused(true, &ccm(length, nonce, mac), &[]);
        assert_eq!(code, CKR_MECHANISM_PARAM_INVALID);
    }
}

/// RFC 3394 section 4.1; the other two paddings are taken off by hand.
#[test]
fn key_wrap_pads_and_takes_the_initial_value_that_is_given() {
    let key = hex("000102030405060708090a0b0c0d0e0f");
    let data = hex("00112233445566778899aabbccddeeff");
    let wrapped = hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
    both(&plain(CKM_AES_KEY_WRAP), &key, &data, &wrapped);
    both(
        &with_iv(CKM_AES_KEY_WRAP, &[0xa6; 8]),
        &key,
        &data,
        &wrapped,
    );
    let mine = with_iv(CKM_AES_KEY_WRAP, &[5; 8]);
    let other = cipher(true, &mine, &key, &data).unwrap();
    assert_eq!(cipher(false, &mine, &key, &other).unwrap(), data);
    let foreign = cipher(false, &plain(CKM_AES_KEY_WRAP), &key, &other).unwrap_err();
    assert_eq!(foreign.code(), CKR_ENCRYPTED_DATA_INVALID);
    for length in 1..30 {
        let data = vec![8; length];
        let pkcs7 = cipher(true, &plain(CKM_AES_KEY_WRAP_PKCS7), &key, &data);
        // One semiblock is too few for the wrapping function.
        if length < 8 {
            assert_eq!(pkcs7.unwrap_err().code(), CKR_DATA_LEN_RANGE);
            continue;
        }
        let pkcs7 = pkcs7.unwrap();
        assert_eq!(pkcs7.len(), length / 8 * 8 + 16);
        let padded = cipher(false, &plain(CKM_AES_KEY_WRAP), &key, &pkcs7).unwrap();
        assert_eq!(padded[..length], data[..]);
        assert_eq!(usize::from(padded[length]), padded.len() - length);
        both(&plain(CKM_AES_KEY_WRAP_PKCS7), &key, &data, &pkcs7);
    }
    let code = |mechanism: &_, data: &[u8]| cipher(true, mechanism, &key, data).unwrap_err().code();
    assert_eq!(code(&plain(CKM_AES_KEY_WRAP), &[0; 12]), CKR_DATA_LEN_RANGE);
    assert_eq!(code(&plain(CKM_AES_KEY_WRAP), &[0; 8]), CKR_DATA_LEN_RANGE);
    assert_eq!(code(&plain(CKM_AES_KEY_WRAP_KWP), &[]), CKR_DATA_LEN_RANGE);
    let long = with_iv(CKM_AES_KEY_WRAP_KWP, &[0xa6; 8]);
    assert_eq!(code(&long, &[0; 16]), CKR_MECHANISM_PARAM_INVALID);
}
