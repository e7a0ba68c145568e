//! When a certificate expires. rustls does not say; this reads as much of X.509 as it takes (RFC 5280, section 4.1).

use yasna::models::{GeneralizedTime, UTCTime};
use yasna::tags::TAG_UTCTIME;
use yasna::{ASN1Result, BERReader, Tag};

/// Seconds since the Unix epoch, of a certificate in DER.
pub(super) fn expiry(certificate: &[u8]) -> Option<i64> {
    yasna::parse_der(certificate, |reader| {
        reader.read_sequence(|reader| {
            let expiry = reader.next().read_sequence(|fields| {
                fields.read_optional(|version| {
                    version.read_tagged(Tag::context(0), |number| number.read_i64())
                })?;
                // Serial number, algorithm and issuer.
                for _ in 0..3 {
                    fields.next().read_der()?;
                }
                let expiry = fields.next().read_sequence(|validity| {
                    validity.next().read_der()?;
                    time(validity.next())
                })?;
                while fields.read_optional(|field| field.read_der())?.is_some() {}
                Ok(expiry)
            })?;
            // The signature and its algorithm.
            reader.next().read_der()?;
            reader.next().read_der()?;
            Ok(expiry)
        })
    })
    .ok()
}

/// Up to 2049 years have two digits.
fn time(reader: BERReader<'_, '_>) -> ASN1Result<i64> {
    if reader.lookahead_tag()? == TAG_UTCTIME {
        reader.read_utctime().map(|time: UTCTime| time.datetime().unix_timestamp())
    } else {
        reader.read_generalized_time().map(|time: GeneralizedTime| time.datetime().unix_timestamp())
    }
}
