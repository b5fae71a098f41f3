//! One encrypted message: made, looked at from outside, opened.

use std::io::{Read, Write};
use std::path::Path;

use sequoia_openpgp as openpgp;

use openpgp::crypto::SessionKey;
use openpgp::packet::header::BodyLength;
use openpgp::packet::{PKESK, SEIP, SKESK};
use openpgp::parse::buffered_reader::BufferedReader;
use openpgp::parse::stream::{DecryptionHelper, DecryptorBuilder, MessageLayer, MessageStructure, VerificationHelper};
use openpgp::parse::{PacketParser, PacketParserResult, Parse};
use openpgp::serialize::stream::{Encryptor, LiteralWriter, Message, Recipient};
use openpgp::types::SymmetricAlgorithm;
use openpgp::{Cert, KeyHandle, Packet};
use zeroize::Zeroizing;

use crate::certificate::{Certificate, POLICY};
use crate::error::VaultError;
use crate::{Result, Secret};

/// Encrypts to all of them, each by its newest subkey. Nothing is compressed, as with `pass`: the
/// length of a compressed value tells about the value.
///
/// # Errors
/// When nothing can be encrypted to one of them.
pub(crate) fn encrypt(plain: &Secret, recipients: &[Certificate]) -> Result<Vec<u8>> {
    let keys = recipients.iter().map(Certificate::encryption_key).collect::<Result<Vec<_>>>()?;
    let recipients = keys.into_iter().map(Recipient::from);
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| -> openpgp::Result<()> {
        let message = Encryptor::for_recipients(Message::new(bytes), recipients).build()?;
        let mut message = LiteralWriter::new(message).build()?;
        message.write_all(plain.expose())?;
        message.finalize()
    };
    write(&mut bytes).map(|()| bytes).map_err(|error| VaultError::Encrypt(error.root_cause().to_string()))
}

/// Whom an encrypted message names as its recipients.
#[derive(Debug, Clone)]
pub struct Handles(pub(crate) Vec<KeyHandle>);

impl Handles {
    /// Looks at a message from outside; `path` is its file, for messages.
    ///
    /// # Errors
    /// When it is no whole encrypted message.
    pub fn of(message: &[u8], path: &Path) -> Result<Self> {
        recipients(message, path).map(Self)
    }
}

/// Whom a message names as its recipients, without opening it.
///
/// # Errors
/// When it is no whole encrypted message; `path` is its file.
pub(crate) fn recipients(bytes: &[u8], path: &Path) -> Result<Vec<KeyHandle>> {
    let damaged = |why: String| VaultError::Damaged { path: path.to_owned(), why, name: None };
    let mut handles = Vec::new();
    let mut next = PacketParser::from_bytes(bytes).map_err(|error| damaged(error.root_cause().to_string()))?;
    while let PacketParserResult::Some(mut packet) = next {
        match &packet.packet {
            Packet::PKESK(key) => handles.extend(key.recipient()),
            Packet::SKESK(_) | Packet::Marker(_) | Packet::Padding(_) => {}
            // The encrypted part; also GnuPG's own kind of it, which only GnuPG reads.
            Packet::SEIP(_) | Packet::Unknown(_) => {
                let declared = *packet.header().length();
                let fields = fields_before_content(&packet.packet);
                let present = fields + packet.steal_eof().map_err(|error| damaged(cut(&error)))?.len();
                if matches!(declared, BodyLength::Full(declared) if present < declared as usize) {
                    return Err(damaged("its end is missing".to_owned()));
                }
                return if handles.is_empty() { Err(damaged("it names no recipient".to_owned())) } else { Ok(handles) };
            }
            other => return Err(damaged(format!("it is not encrypted, but starts with `{}`", other.tag()))),
        }
        next = packet.next().map_err(|error| damaged(error.root_cause().to_string()))?.1;
    }
    Err(damaged("it has no encrypted part".to_owned()))
}

/// How many bytes stand before the content of an encrypted packet and have been read with its head.
fn fields_before_content(packet: &Packet) -> usize {
    const VERSION: usize = 1;
    const ALGORITHMS_AND_SALT: usize = 3 + 32;
    match packet {
        Packet::SEIP(SEIP::V1(_)) => VERSION,
        Packet::SEIP(_) => VERSION + ALGORITHMS_AND_SALT,
        _ => 0,
    }
}

fn cut(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "its end is missing".to_owned(),
        _ => error.to_string(),
    }
}

/// What finds the session key of a message.
pub(crate) trait Opener {
    /// Tries to open one of the packets that hold the session key, by calling `decrypt` with what
    /// it makes of it. Whether it did.
    ///
    /// # Errors
    /// When there is a key for it that cannot be used.
    fn open(
        &mut self,
        packets: &[PKESK],
        algorithm: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> Result<bool>;
}

/// Decrypts, and sees that nobody has changed it.
///
/// # Errors
/// When it is damaged, more than `largest` bytes, or `opener` fails; `path` is its file.
pub(crate) fn decrypt(bytes: &[u8], path: &Path, largest: u64, opener: &mut dyn Opener) -> Result<Secret> {
    let damaged = |why: String| VaultError::Damaged { path: path.to_owned(), why, name: None };
    let mut failure = None;
    let helper = Helper { opener, failure: &mut failure };
    let opened = DecryptorBuilder::from_bytes(bytes).and_then(|builder| builder.with_policy(POLICY, None, helper));
    let mut decryptor = match opened {
        Ok(decryptor) => decryptor,
        Err(error) => return Err(failure.unwrap_or_else(|| damaged(error.root_cause().to_string()))),
    };
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut part = Zeroizing::new([0; 8192]);
    loop {
        let length = decryptor.read(part.as_mut_slice()).map_err(|error| damaged(cut(&error)))?;
        if length == 0 {
            return Ok(Secret::new(std::mem::take(&mut *plain)));
        }
        if (plain.len() + length) as u64 > largest {
            return Err(VaultError::TooLarge { what: format!("the secret in `{}`", path.display()), largest });
        }
        append(&mut plain, &part[..length]);
    }
}

/// Appends without leaving a copy behind where the old bytes were.
pub(crate) fn append(plain: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if plain.capacity() - plain.len() < part.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * (plain.len() + part.len())));
        larger.extend_from_slice(plain);
        *plain = larger;
    }
    plain.extend_from_slice(part);
}

/// What the library asks while it decrypts.
struct Helper<'a> {
    opener: &'a mut dyn Opener,
    failure: &'a mut Option<VaultError>,
}

impl DecryptionHelper for Helper<'_> {
    fn decrypt(
        &mut self,
        packets: &[PKESK],
        _: &[SKESK],
        algorithm: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> openpgp::Result<Option<Cert>> {
        if let Err(failure) = self.opener.open(packets, algorithm, decrypt) {
            *self.failure = Some(failure);
        }
        Ok(None)
    }
}

impl VerificationHelper for Helper<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        // Secrets are not signed: that they are part of the repository is what makes them trusted.
        Ok(Vec::new())
    }

    fn check(&mut self, structure: MessageStructure) -> openpgp::Result<()> {
        match structure.iter().next() {
            Some(MessageLayer::Encryption { .. }) => Ok(()),
            _ => Err(openpgp::Error::MalformedMessage("it is not encrypted".to_owned()).into()),
        }
    }
}
