//! Settings that are used once, when Doorward starts: a reload leaves them as they are and says so.
//!
//! The socket, the folders and the keys are open; the public address is in every token, cookie and registration. All of it
//! changing under requests that are on their way would be worse than a restart.

use oauth::resource::ResourceUri;

use super::master_key::MasterKey;
use super::types::{Config, Limits};

impl Config {
    /// Takes over what only a start can set from the configuration that is running. Gives the keys that would have changed.
    pub fn keep_startup_settings(&mut self, running: &Self) -> Vec<&'static str> {
        let mut kept = Vec::new();
        let mut keep = |key: &'static str, changed: bool| {
            if changed {
                kept.push(key);
            }
        };
        keep("public_url", self.public_url != running.public_url);
        keep("listen", self.listen != running.listen);
        keep("tls", self.tls != running.tls);
        keep("data_dir", self.data_dir != running.data_dir);
        keep("master_key", is_other_key(&self.master_key, &running.master_key));
        keep("audit.dir", self.audit != running.audit);
        let (new, old) = (&self.limits, &running.limits);
        keep("limits.header_bytes", new.header_bytes != old.header_bytes);
        keep("limits.headers", new.headers != old.headers);
        keep("limits.connections_per_address", new.connections_per_address != old.connections_per_address);
        keep("limits.header_timeout", new.header_timeout != old.header_timeout);
        keep("limits.body_timeout", new.body_timeout != old.body_timeout);
        keep("limits.idle_timeout", new.idle_timeout != old.idle_timeout);
        self.limits = Limits { body: self.limits.body, sign_ins_per_address: self.limits.sign_ins_per_address, ..running.limits };
        self.public_url.clone_from(&running.public_url);
        self.listen = running.listen;
        self.tls.clone_from(&running.tls);
        self.data_dir.clone_from(&running.data_dir);
        self.master_key = running.master_key.clone();
        self.audit.clone_from(&running.audit);
        for upstream in self.upstreams.values_mut().filter(|upstream| upstream.host.is_none()) {
            if let Ok(resource) = ResourceUri::parse(&running.public_url.join(&format!("/{}/mcp", upstream.id))) {
                upstream.resource = resource;
            }
        }
        kept
    }
}

/// Two files are as good as their folders, which are compared by themselves.
fn is_other_key(new: &MasterKey, running: &MasterKey) -> bool {
    if let (MasterKey::File(_), MasterKey::File(_)) = (new, running) {
        return false;
    }
    match (new.read(), running.read()) {
        (Ok(new), Ok(running)) => new.expose() != running.expose(),
        (Err(_), _) | (_, Err(_)) => true,
    }
}
