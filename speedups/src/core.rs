//! The ordinary seal of Fe26.2, whole: a text password, and the default options of the protocol.
//!
//! This knows nothing of Python. Whatever it does not accept, it hands back: the Python code
//! decides what is wrong, and says so. So this may open only what the Python code opens.

use aes::Aes256;
use base64ct::{Base64UrlUnpadded, Encoding};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const PREFIX: &[u8] = b"Fe26.2";
const SALT_BYTES: usize = 32;
const IV_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const BLOCK_BYTES: usize = 16;
const MAC_TEXT: usize = 43; // 32 bytes in base64url
const LONGEST_REST: usize = 256; // of a seal, without its id and its ciphertext
const MOST_DIGITS: usize = 19; // fewer than u64 holds; Python reads the longer ones

/// The random bytes of a seal: the salt of the key, the salt of the mac, the iv.
pub const RANDOM_BYTES: usize = 2 * SALT_BYTES + IV_BYTES;

type Key = Zeroizing<[u8; KEY_BYTES]>;

/// What came of opening a text.
#[derive(Debug, PartialEq)]
pub enum Answer {
    Opened {
        plaintext: Zeroizing<Vec<u8>>,
        expires: Option<u64>,
    },
    /// It would be an ordinary seal, but the mac does not match.
    Forged,
    HandedBack,
}

/// A password, as the two states of HMAC-SHA1 that depend only on it.
pub struct Password {
    hmac: Hmac<Sha1>,
}

impl Password {
    pub fn new(text: &str) -> Option<Self> {
        let hmac = Hmac::new_from_slice(text.as_bytes()).ok()?;
        Some(Self { hmac })
    }

    /// Seal a plaintext; None for an id that no password can have.
    pub fn seal(
        &self,
        plaintext: &[u8],
        id: &str,
        expires: Option<u64>,
        randomness: &[u8; RANDOM_BYTES],
    ) -> Option<String> {
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let (salt, rest) = randomness.split_at(SALT_BYTES);
        let (mac_salt, iv) = rest.split_at(SALT_BYTES);
        let (salt, mac_salt) = (hexadecimal(salt), hexadecimal(mac_salt));
        let ciphertext = encrypt(&self.derive(&salt)?, iv, plaintext)?;

        let mut text = Vec::with_capacity(LONGEST_REST + id.len() + ciphertext.len() / 3 * 4);
        text.extend_from_slice(PREFIX);
        push_part(&mut text, id.as_bytes());
        push_part(&mut text, &salt);
        push_base64url(&mut text, iv)?;
        push_base64url(&mut text, &ciphertext)?;
        push_part(&mut text, expires.map(|time| time.to_string()).unwrap_or_default().as_bytes());
        let mac = self.mac(&mac_salt, &text)?;
        push_part(&mut text, &mac_salt);
        push_part(&mut text, &mac);
        String::from_utf8(text).ok()
    }

    /// Verify and decrypt what expires after the time `earliest`, in ms.
    pub fn open(&self, text: &str, earliest: i64) -> Answer {
        match Parts::of(text) {
            Some(parts) if !parts.has_expired_by(earliest) => self.open_parts(&parts),
            _ => Answer::HandedBack,
        }
    }

    fn open_parts(&self, parts: &Parts) -> Answer {
        match self.mac(parts.mac_salt.as_bytes(), parts.signed.as_bytes()) {
            // As text: spare bits in its last character must not make a second spelling.
            Some(mac) if bool::from(mac.as_slice().ct_eq(parts.mac.as_bytes())) => {
                self.decrypt(parts).unwrap_or(Answer::HandedBack)
            }
            Some(_) => Answer::Forged,
            None => Answer::HandedBack,
        }
    }

    fn decrypt(&self, parts: &Parts) -> Option<Answer> {
        let key = self.derive(parts.salt.as_bytes())?;
        let iv = Base64UrlUnpadded::decode_vec(parts.iv).ok()?;
        let mut buffer = Zeroizing::new(Base64UrlUnpadded::decode_vec(parts.ciphertext).ok()?);
        let cipher = cbc::Decryptor::<Aes256>::new_from_slices(key.as_slice(), &iv).ok()?;
        let length = cipher.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len();
        buffer.truncate(length);
        Some(Answer::Opened { plaintext: buffer, expires: parts.expires })
    }

    /// Make the key for a salt: PBKDF2-HMAC-SHA1, one iteration, two blocks of its output.
    fn derive(&self, salt: &[u8]) -> Option<Key> {
        let mut first = self.hmac.clone();
        first.update(salt);
        let mut second = first.clone();
        first.update(&[0, 0, 0, 1]);
        second.update(&[0, 0, 0, 2]);
        let (first, second) = (
            Zeroizing::new(<[u8; 20]>::from(first.finalize().into_bytes())),
            Zeroizing::new(<[u8; 20]>::from(second.finalize().into_bytes())),
        );
        let mut key = Key::default();
        key.get_mut(..20)?.copy_from_slice(first.as_slice());
        key.get_mut(20..)?.copy_from_slice(second.get(..KEY_BYTES - 20)?);
        Some(key)
    }

    fn mac(&self, salt: &[u8], signed: &[u8]) -> Option<[u8; MAC_TEXT]> {
        let key = self.derive(salt)?;
        let mut hmac = Hmac::<Sha256>::new_from_slice(key.as_slice()).ok()?;
        hmac.update(signed);
        let mut text = [0; MAC_TEXT];
        Base64UrlUnpadded::encode(&hmac.finalize().into_bytes(), &mut text).ok()?;
        Some(text)
    }
}

/// The parts of a text that may be an ordinary seal; nobody has authenticated them.
struct Parts<'a> {
    signed: &'a str,
    salt: &'a str,
    iv: &'a str,
    ciphertext: &'a str,
    expires: Option<u64>,
    mac_salt: &'a str,
    mac: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut pieces = text.splitn(9, '*');
        let mut next = || pieces.next();
        let (prefix, _id, salt, iv) = (next()?, next()?, next()?, next()?);
        let (ciphertext, expiration, mac_salt, mac) = (next()?, next()?, next()?, next()?);
        // A password needs salts: the Python code tells what is wrong without them.
        let is_odd = next().is_some()
            || prefix.as_bytes() != PREFIX
            || salt.is_empty()
            || mac_salt.is_empty();
        if is_odd || !text.is_ascii() {
            return None;
        }
        let signed = text.get(..text.len() - mac_salt.len() - mac.len() - 2)?;
        let expires = read_expiration(expiration)?;
        Some(Self { signed, salt, iv, ciphertext, expires, mac_salt, mac })
    }

    fn has_expired_by(&self, earliest: i64) -> bool {
        self.expires.is_some_and(|time| i128::from(time) <= i128::from(earliest))
    }
}

/// Read decimal digits without a leading zero, or nothing, which means never.
fn read_expiration(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let is_number = text.len() <= MOST_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || text.starts_with('0') {
        return None;
    }
    text.parse().ok().map(Some)
}

fn encrypt(key: &Key, iv: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    let length = plaintext.len();
    let mut buffer = Zeroizing::new(vec![0; (length / BLOCK_BYTES + 1) * BLOCK_BYTES]);
    buffer.get_mut(..length)?.copy_from_slice(plaintext);
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(key.as_slice(), iv).ok()?;
    cipher.encrypt_padded::<Pkcs7>(&mut buffer, length).ok()?;
    Some(std::mem::take(&mut *buffer)) // it is ciphertext now
}

fn hexadecimal(salt: &[u8]) -> [u8; 2 * SALT_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 2 * SALT_BYTES];
    for (pair, byte) in text.chunks_exact_mut(2).zip(salt) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    text
}

fn push_part(text: &mut Vec<u8>, part: &[u8]) {
    text.push(b'*');
    text.extend_from_slice(part);
}

fn push_base64url(text: &mut Vec<u8>, raw: &[u8]) -> Option<()> {
    text.push(b'*');
    let start = text.len();
    text.resize(start + Base64UrlUnpadded::encoded_len(raw), 0);
    Base64UrlUnpadded::encode(raw, text.get_mut(start..)?).ok()?;
    Some(())
}
