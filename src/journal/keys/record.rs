//! How something sealed with the key of a request looks: a byte for the format, the number of the key, then
//! the sealed text.

use zeroize::Zeroizing;

use super::super::error::StoreError;
use super::super::seal::Seal;
use super::ring::Key;

/// First byte of what is sealed with a key of its own; what an earlier release sealed begins with another.
const FORMAT: u8 = 2;
const NUMBER_BYTES: usize = 8;

/// Seals a text for a place.
pub(in crate::journal) fn seal_with(
    (number, key): (i64, &Key),
    place: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let sealed = Seal::new(key.bytes()).close(place, plain)?;
    let mut record = Vec::with_capacity(1 + NUMBER_BYTES + sealed.len());
    record.push(FORMAT);
    record.extend_from_slice(&number.to_le_bytes());
    record.extend_from_slice(&sealed);
    Ok(record)
}

/// The number of the key that something is sealed with; `None` when an earlier release sealed it.
pub(in crate::journal) fn number_of(record: &[u8]) -> Option<i64> {
    let (&FORMAT, rest) = record.split_first()? else { return None };
    rest.first_chunk::<NUMBER_BYTES>().map(|number| i64::from_le_bytes(*number))
}

/// Opens what was sealed for the same place with the same key.
pub(in crate::journal) fn open_with(key: &Key, place: &[u8], record: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    number_of(record)?;
    Seal::new(key.bytes()).open(place, record.get(1 + NUMBER_BYTES..)?)
}
