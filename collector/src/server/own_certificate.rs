//! https without anybody's help: an authority of the collector's own, made once and kept in the data directory, and a
//! certificate that it signs anew at each start, for the names that this machine has then.
//!
//! Nodes that join with a code are told the authority (`picollect_settings::introduction`).

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use anyhow::Context as _;
use picollect_settings::files;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// Folder in the data directory.
const FOLDER: &str = "tls";
/// What every collector's authority is called; they differ by their keys.
const AUTHORITY: &str = "picollect authority";
/// Addresses that nobody has (RFC 5737, RFC 3849): the way there is the way out of this machine.
const ELSEWHERE: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// What https needs, PEM.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) authority: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

/// The file with the authority of a data directory, which the agents of this machine trust.
pub fn authority_file(data: &Path) -> std::path::PathBuf {
    data.join(FOLDER).join("authority.pem")
}

impl Own {
    /// Makes what is missing; the certificate is for this machine's name and addresses and the one listened on.
    pub(super) fn of(data: &Path, listening: SocketAddr) -> anyhow::Result<Self> {
        let cannot = || format!("cannot make a certificate in `{}`", data.join(FOLDER).display());
        let (authority, authority_key) = authority(data).with_context(cannot)?;
        let issuer = Issuer::new(authority_parameters(), authority_key);
        let key = KeyPair::generate().with_context(cannot)?;
        let names = CertificateParams::new(names(listening)).with_context(cannot)?;
        let certificate = names.signed_by(&key, &issuer).with_context(cannot)?;
        Ok(Self { authority, certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// The authority's certificate and key: those that are kept, else new ones.
fn authority(data: &Path) -> anyhow::Result<(String, KeyPair)> {
    let (certificate_file, key_file) = (authority_file(data), data.join(FOLDER).join("authority.key"));
    if certificate_file.exists() {
        let key = KeyPair::from_pem(&fs::read_to_string(key_file)?)?;
        return Ok((fs::read_to_string(certificate_file)?, key));
    }
    files::make_directory(&data.join(FOLDER))?;
    let key = KeyPair::generate()?;
    let certificate = authority_parameters().self_signed(&key)?.pem();
    files::replace(&key_file, key.serialize_pem().as_bytes())?;
    // The certificate comes last: where it is, its key is.
    files::replace(&certificate_file, certificate.as_bytes())?;
    Ok((certificate, key))
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, AUTHORITY);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    parameters
}

/// How other machines, and this one, may call this machine.
fn names(listening: SocketAddr) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if !host.is_empty() && host.is_ascii() {
        names.extend([format!("{host}.local"), host]);
    }
    let way_out = ELSEWHERE.iter().filter_map(|(from, to)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    let addresses = way_out.chain([listening.ip()]).filter(|address: &IpAddr| !address.is_unspecified());
    for address in addresses.map(|address| address.to_string()) {
        if !names.contains(&address) {
            names.push(address);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_stays_and_its_key_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let listening = "10.1.2.3:8650".parse().unwrap();
        let first = Own::of(directory.path(), listening).unwrap();
        let second = Own::of(directory.path(), listening).unwrap();
        assert_eq!(first.authority, second.authority);
        assert_ne!(first.certificate, second.certificate, "each start has a key of its own");
        let key = directory.path().join("tls/authority.key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o077, 0);
        fs::remove_file(&key).unwrap();
        let error = format!("{:#}", Own::of(directory.path(), listening).unwrap_err());
        assert!(error.starts_with("cannot make a certificate in"), "{error}");
    }

    #[test]
    fn the_certificate_names_this_machine_as_others_call_it() {
        let names = names("10.1.2.3:8650".parse().unwrap());
        for name in ["localhost", "127.0.0.1", "::1", "10.1.2.3"] {
            assert_eq!(names.iter().filter(|known| *known == name).count(), 1, "{names:?}");
        }
        assert!(!super::names("0.0.0.0:1".parse().unwrap()).contains(&"0.0.0.0".to_owned()));
    }
}
