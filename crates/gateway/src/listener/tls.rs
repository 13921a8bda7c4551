//! TLS of the listener: certificate and key from PEM, one cryptographic provider.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file is not a PEM chain.
    #[error("the TLS certificate cannot be read: {0}")]
    Certificate(String),
    /// The key file is not one PEM private key.
    #[error("the TLS private key cannot be read: {0}")]
    Key(String),
    /// The key does not belong to the certificate, or is of a kind that is not served.
    #[error("the TLS certificate and key do not fit: {0}")]
    Mismatch(String),
}

impl TlsError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "edge.tls_certificate",
            Self::Key(_) => "edge.tls_key",
            Self::Mismatch(_) => "edge.tls_mismatch",
        }
    }
}

/// Makes aws-lc-rs the provider of this process. Called first thing at start; later calls change nothing.
pub fn install_provider() {
    if CryptoProvider::get_default().is_none() && aws_lc_rs::default_provider().install_default().is_err() {
        tracing::debug!("another thread installed the cryptographic provider first");
    }
}

/// The server configuration for a chain (leaf first) and its key, both PEM; offers HTTP/2 and HTTP/1.1.
pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|error| TlsError::Certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate("it holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Mismatch(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::Mismatch(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::from_pem;

    #[test]
    fn each_fault_has_its_code() {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        let cases = [
            (chain.as_str(), key.as_str(), None),
            ("", key.as_str(), Some("edge.tls_certificate")),
            ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", key.as_str(), Some("edge.tls_certificate")),
            (chain.as_str(), chain.as_str(), Some("edge.tls_key")),
            (chain.as_str(), &other.signing_key.serialize_pem(), Some("edge.tls_mismatch")),
        ];
        for (chain, key, expected) in cases {
            assert_eq!(from_pem(chain.as_bytes(), key.as_bytes()).err().map(|error| error.code()), expected);
        }
    }
}
