//! One-time passwords: [PKCS11-Base 3.2] section 6.53, with the passwords of RFC 4226 appendix D.

use cryptoki_sys::*;

use super::support::{Attributes, Token, calls, plain, with};

/// RFC 4226 appendix D: the passwords of counters 0 to 3.
const PASSWORDS: [&[u8]; 4] = [b"755224", b"287082", b"359152", b"969429"];

/// The key of RFC 4226 appendix D.
fn key() -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_OTP_KEY)
        .ulong(CKA_KEY_TYPE, CKK_HOTP)
        .bytes(CKA_VALUE, *b"12345678901234567890")
}

fn counter(count: u64) -> (CK_OTP_PARAM_TYPE, Vec<u8>) {
    (CK_OTP_COUNTER, count.to_be_bytes().to_vec())
}

fn number(kind: CK_OTP_PARAM_TYPE, value: CK_ULONG) -> (CK_OTP_PARAM_TYPE, Vec<u8>) {
    (kind, value.to_ne_bytes().to_vec())
}

/// A CK_OTP_PARAMS for the call.
fn with_parameters<T>(
    given: &[(CK_OTP_PARAM_TYPE, Vec<u8>)],
    call: impl FnOnce(CK_MECHANISM) -> T,
) -> T {
    let one = |(kind, value): &(CK_OTP_PARAM_TYPE, Vec<u8>)| CK_OTP_PARAM {
        type_: *kind,
        pValue: value.as_ptr().cast_mut().cast(),
        ulValueLen: value.len() as CK_ULONG,
    };
    let mut list: Vec<_> = given.iter().map(one).collect();
    let mut parameter = CK_OTP_PARAMS {
        pParams: list.as_mut_ptr(),
        ulCount: list.len() as CK_ULONG,
    };
    call(with(CKM_HOTP, &mut parameter))
}

/// The password and the counter in a CK_OTP_SIGNATURE_INFO, which must lie in one block.
fn told(block: &[u8]) -> (Vec<u8>, u64) {
    let range = block.as_ptr_range();
    let inside = |start: *const u8, length: usize| {
        assert!(range.start <= start && start.wrapping_add(length) <= range.end);
        // SAFETY: inside the block, as was just seen.
        unsafe { std::slice::from_raw_parts(start, length) }
    };
    // SAFETY: the block begins with this structure; alignment is not assumed.
    let info: CK_OTP_SIGNATURE_INFO = unsafe {
        block
            .as_ptr()
            .cast::<CK_OTP_SIGNATURE_INFO>()
            .read_unaligned()
    };
    let count = info.ulCount as usize;
    inside(info.pParams.cast(), count * size_of::<CK_OTP_PARAM>());
    let (mut password, mut used) = (None, None);
    for place in 0..count {
        // SAFETY: inside the block, as was just seen.
        let one = unsafe { info.pParams.add(place).read_unaligned() };
        let value = inside(one.pValue.cast(), one.ulValueLen as usize);
        match one.type_ {
            CK_OTP_VALUE => password = Some(value.to_vec()),
            CK_OTP_COUNTER => used = Some(u64::from_be_bytes(value.try_into().unwrap())),
            other => panic!("{other:#x}"),
        }
    }
    (password.unwrap(), used.unwrap())
}

/// C_SignInit and C_Sign, the buffer as long as the function says.
fn make(
    token: &Token,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
    given: &[(CK_OTP_PARAM_TYPE, Vec<u8>)],
) -> Result<(Vec<u8>, u64), CK_RV> {
    let rv = with_parameters(given, |mut mechanism| {
        call!(token, C_SignInit(session, &mut mechanism, key))
    });
    if rv != CKR_OK {
        return Err(rv);
    }
    let (none, mut length) = (std::ptr::null_mut(), 0);
    let rv = call!(token, C_Sign(session, none, 0, none, &mut length));
    assert_eq!(rv, CKR_OK);
    let mut block = vec![0; length as usize];
    let output = block.as_mut_ptr();
    match call!(token, C_Sign(session, none, 0, output, &mut length)) {
        CKR_OK => Ok(told(&block)),
        rv => Err(rv),
    }
}

fn verify(
    token: &Token,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
    given: &[(CK_OTP_PARAM_TYPE, Vec<u8>)],
    password: &[u8],
) -> CK_RV {
    with_parameters(given, |mechanism| {
        calls::verify(token, session, mechanism, key, (&[], password))
    })
}

fn count_of(token: &Token, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> u64 {
    let counter = token.attribute(session, key, CKA_OTP_COUNTER).unwrap();
    u64::from_be_bytes(counter.try_into().unwrap())
}

#[test]
fn each_password_moves_the_counter_of_its_key_on() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token.create(session, &key()).unwrap();
    for (count, password) in (0..).zip(PASSWORDS) {
        assert_eq!(count_of(&token, session, key), count);
        let made = make(&token, session, key, &[]).unwrap();
        assert_eq!(made, (password.to_vec(), count));
    }
    // Without any parameter it is the same, and C_SignFinal is as good as C_Sign.
    let mut mechanism = plain(CKM_HOTP);
    assert_eq!(
        call!(token, C_SignInit(session, &mut mechanism, key)),
        CKR_OK
    );
    let (mut block, mut length) = (vec![0; 100], 100);
    let output = block.as_mut_ptr();
    let rv = call!(token, C_SignFinal(session, output, &mut length));
    assert_eq!(rv, CKR_OK);
    assert_eq!(told(&block[..length as usize]), (b"338314".to_vec(), 4));
}

#[test]
fn asking_for_the_length_and_a_buffer_too_small_use_nothing_up() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token.create(session, &key()).unwrap();
    let mut mechanism = plain(CKM_HOTP);
    assert_eq!(
        call!(token, C_SignInit(session, &mut mechanism, key)),
        CKR_OK
    );
    let (none, mut length) = (std::ptr::null_mut(), 0);
    let mut small = [0; 4];
    assert_eq!(
        call!(token, C_Sign(session, none, 0, none, &mut length)),
        CKR_OK
    );
    let (wanted, output) = (length, small.as_mut_ptr());
    length = 4;
    let rv = call!(token, C_Sign(session, none, 0, output, &mut length));
    assert_eq!((rv, length), (CKR_BUFFER_TOO_SMALL, wanted));
    assert_eq!(count_of(&token, session, key), 0);
    // Section 6.53.9.3: there is no data, and what is refused uses nothing up.
    let (mut block, data) = ([0; 200], [1u8]);
    length = 200;
    let output = block.as_mut_ptr();
    let rv = call!(token, C_Sign(session, input!(data), 1, output, &mut length));
    assert_eq!(rv, CKR_DATA_LEN_RANGE);
    assert_eq!(count_of(&token, session, key), 0);
}

#[test]
fn a_counter_may_be_given_and_then_the_key_keeps_its_own() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token.create(session, &key()).unwrap();
    let made = make(&token, session, key, &[counter(2)]).unwrap();
    assert_eq!(made, (PASSWORDS[2].to_vec(), 2));
    assert_eq!(count_of(&token, session, key), 0);
    let next = number(CK_OTP_FLAGS, CKF_NEXT_OTP);
    let made = make(&token, session, key, &[counter(2), next.clone()]).unwrap();
    assert_eq!(made, (PASSWORDS[3].to_vec(), 3));
    let made = make(&token, session, key, std::slice::from_ref(&next)).unwrap();
    assert_eq!(made, (PASSWORDS[1].to_vec(), 1));
    assert_eq!(count_of(&token, session, key), 2);
    let longer = number(CK_OTP_OUTPUT_LENGTH, 8);
    let made = make(&token, session, key, &[counter(0), longer]).unwrap();
    assert_eq!(made.0, b"84755224");
    let beyond = make(&token, session, key, &[counter(u64::MAX), next]);
    assert_eq!(beyond, Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn flags_that_contradict_the_key_or_the_mechanism_are_refused() {
    let token = Token::fresh();
    let session = token.user_session();
    let unfriendly = key().bool(CKA_OTP_USER_FRIENDLY_MODE, false);
    let unfriendly = token.create(session, &unfriendly).unwrap();
    let mandatory = key().ulong(CKA_OTP_COUNTER_REQUIREMENT, CK_OTP_PARAM_MANDATORY);
    let mandatory = token.create(session, &mandatory).unwrap();
    let key = token.create(session, &key()).unwrap();
    let flagged = |flags| vec![number(CK_OTP_FLAGS, flags)];
    let friendly = flagged(CKF_USER_FRIENDLY_OTP);
    let refused = Err(CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(make(&token, session, unfriendly, &friendly), refused);
    assert!(make(&token, session, key, &friendly).is_ok());
    for flags in [CKF_EXCLUDE_COUNTER, 0x40] {
        assert_eq!(make(&token, session, key, &flagged(flags)), refused);
    }
    let excluded = flagged(CKF_EXCLUDE_PIN | CKF_EXCLUDE_TIME | CKF_EXCLUDE_CHALLENGE);
    assert!(make(&token, session, key, &excluded).is_ok());
    assert_eq!(make(&token, session, mandatory, &[]), refused);
    assert!(make(&token, session, mandatory, &[counter(0)]).is_ok());
}

#[test]
fn a_password_is_verified_at_the_counter_that_is_given() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token.create(session, &key()).unwrap();
    let check = |given: &[_], password: &[u8]| verify(&token, session, key, given, password);
    assert_eq!(check(&[counter(1)], PASSWORDS[1]), CKR_OK);
    assert_eq!(check(&[counter(1)], PASSWORDS[0]), CKR_SIGNATURE_INVALID);
    assert_eq!(check(&[counter(1)], b"28708"), CKR_SIGNATURE_LEN_RANGE);
    let next = number(CK_OTP_FLAGS, CKF_NEXT_OTP);
    assert_eq!(check(&[counter(0), next], PASSWORDS[1]), CKR_OK);
    assert_eq!(check(&[], PASSWORDS[0]), CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(count_of(&token, session, key), 0);
    let long = number(CK_OTP_OUTPUT_LENGTH, 7);
    assert_eq!(check(&[counter(0), long], b"4755224"), CKR_OK);
}

#[test]
fn keys_are_made_for_hotp_and_for_nothing_else() {
    let token = Token::fresh();
    let session = token.user_session();
    let template = Attributes::new()
        .ulong(CKA_VALUE_LEN, 20)
        .ulong(CKA_OTP_LENGTH, 8);
    let made = token
        .generate(session, CKM_HOTP_KEY_GEN, &template)
        .unwrap();
    let ulong = |attribute| {
        let value = token.attribute(session, made, attribute).unwrap();
        CK_ULONG::from_ne_bytes(value.try_into().unwrap())
    };
    assert_eq!(ulong(CKA_CLASS), CKO_OTP_KEY);
    assert_eq!((ulong(CKA_KEY_TYPE), ulong(CKA_VALUE_LEN)), (CKK_HOTP, 20));
    assert_eq!(count_of(&token, session, made), 0);
    assert_eq!(make(&token, session, made, &[]).unwrap().0.len(), 8);
    let invalid = Err(CKR_ATTRIBUTE_VALUE_INVALID);
    for wrong in [
        key().bytes(CKA_OTP_COUNTER, [0; 4]),
        key().ulong(CKA_OTP_LENGTH, 9),
        key().ulong(CKA_OTP_FORMAT, CK_OTP_FORMAT_BINARY),
        key().ulong(CKA_OTP_PIN_REQUIREMENT, CK_OTP_PARAM_MANDATORY),
        key().ulong(CKA_OTP_COUNTER_REQUIREMENT, CK_OTP_PARAM_IGNORED),
        // Section 6.53.5.1: YYYYMMDDhhmmss.
        key().bytes(CKA_OTP_TIME, *b"20261128"),
        key().bytes(CKA_OTP_TIME, *b"20261128240000"),
        key().without(CKA_VALUE).bytes(CKA_VALUE, [1; 15]),
    ] {
        assert_eq!(token.create(session, &wrong), invalid);
    }
    let timed = key().bytes(CKA_OTP_TIME, *b"20261128093000");
    assert!(token.create(session, &timed).is_ok());
    // Neither a secret key with the type of one nor a MAC with its value.
    let plainly = key().without(CKA_CLASS).ulong(CKA_CLASS, CKO_SECRET_KEY);
    assert_eq!(token.create(session, &plainly), invalid);
    let mut mechanism = plain(CKM_SHA_1_HMAC);
    let rv = call!(token, C_SignInit(session, &mut mechanism, made));
    assert_eq!(rv, CKR_KEY_TYPE_INCONSISTENT);
}

#[test]
fn a_key_whose_counter_has_run_out_makes_no_more_passwords() {
    let token = Token::fresh();
    let session = token.user_session();
    let last = key().bytes(CKA_OTP_COUNTER, (u64::MAX - 1).to_be_bytes());
    let key = token.create(session, &last).unwrap();
    assert_eq!(make(&token, session, key, &[]).unwrap().1, u64::MAX - 1);
    let refused = make(&token, session, key, &[]);
    assert_eq!(refused, Err(CKR_TOKEN_RESOURCE_EXCEEDED));
    assert_eq!(count_of(&token, session, key), u64::MAX);
}

/// The counter is the token's own: not even a session that may only read keeps it from moving.
#[test]
fn a_token_key_counts_in_a_read_only_session_and_unmodifiable() {
    let token = Token::fresh();
    let session = token.user_session();
    let kept = key().bool(CKA_TOKEN, true).bool(CKA_MODIFIABLE, false);
    let key = token.create(session, &kept).unwrap();
    let reader = token.open(CKF_SERIAL_SESSION);
    assert_eq!(make(&token, reader, key, &[]).unwrap().1, 0);
    assert_eq!(count_of(&token, session, key), 1);
    let own = Attributes::new().bytes(CKA_OTP_COUNTER, [0; 8]);
    assert_ne!(token.set(session, key, &own), CKR_OK);
}
