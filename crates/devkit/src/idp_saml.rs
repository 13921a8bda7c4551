//! The development SAML identity provider.
