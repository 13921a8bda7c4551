//! Doorward as an OpenID Connect relying party: what it sends, and every check on what it gets back.
