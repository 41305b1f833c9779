use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::transport::TransportError;

/// The certificate authorities of Mozilla, and both versions of HTTP. Set up here, so that it does not depend on what else
/// in the process has chosen a crypto provider.
pub(super) fn config() -> Result<ClientConfig, TransportError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TransportError::new)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
