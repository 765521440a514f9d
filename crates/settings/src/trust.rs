//! Which certificates a client of ours trusts: those of one file, else those that the system does.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Where Linux distributions keep the certificates that they trust.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How a client encrypts. `ca_file` is PEM; only certificates signed by one in it are trusted. Fails if it, or
/// without it the system's own, cannot be read or holds no certificate.
pub fn tls(ca_file: Option<&Path>) -> anyhow::Result<TlsConfig> {
    let (path, pem) = pem(ca_file)?;
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let roots: Vec<Certificate<'static>> = parse_pem(&pem).filter_map(certificate).collect();
    ensure!(!roots.is_empty(), "there is no certificate in `{}`", path.display());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build())
}

/// The same for what speaks no HTTP: a client that trusts these certificates and shows none of its own. Fails as
/// [`tls`] does.
pub fn client(ca_file: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let (path, pem) = pem(ca_file)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    ensure!(!roots.is_empty(), "there is no certificate in `{}`", path.display());
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}

/// The certificates that are trusted, and where they stand.
fn pem(ca_file: Option<&Path>) -> anyhow::Result<(&Path, Vec<u8>)> {
    let path = ca_file.unwrap_or(Path::new(SYSTEM_ROOTS));
    let pem =
        fs::read(path).with_context(|| format!("cannot read the certificates in `{}`", path.display()))?;
    Ok((path, pem))
}

/// Encrypts and believes whoever answers: only for a question whose answer is checked otherwise ([`crate::introduction`]).
pub fn nobody_checked() -> TlsConfig {
    TlsConfig::builder()
        .disable_verification(true)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_and_one_that_is_missing_are_named() {
        let nothing = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let error = tls(Some(&nothing)).unwrap_err().to_string();
        assert!(error.starts_with("there is no certificate in") && error.contains("Cargo.toml"), "{error}");
        assert_eq!(client(Some(&nothing)).unwrap_err().to_string(), error);
        let error = tls(Some(Path::new("/nowhere/ca.pem"))).unwrap_err().to_string();
        assert_eq!(error, "cannot read the certificates in `/nowhere/ca.pem`");
    }
}
