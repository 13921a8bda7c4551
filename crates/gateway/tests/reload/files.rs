//! The files of a configuration, in a folder of their own.

use std::path::PathBuf;

/// What every test begins with.
pub(crate) const CONFIGURATION: &str = "public_url: https://mcp.example.com
listen: 127.0.0.1:0
data_dir: data
master_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
identity_providers:
  entra: { oidc: { issuer: 'http://127.0.0.1:9', client_id: doorward, client_secret: '${file:secrets/client}' } }
upstreams:
  crm: { url: 'http://127.0.0.1:9/mcp' }
roles: { staff: { groups: [Staff] } }
grants: [ { role: staff, upstream: crm, tools: ['*'] } ]
policy_files: [policies/extra.cedar]
role_mapping_files: [roles/entra.yaml]
";

/// The group of `staff`, by its object id.
pub(crate) const ROLES: &str = "groups:\n  0f9d5c2e-1111-4222-8333-444455556666: staff\n";

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// With a configuration, an empty policy file and a secret.
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("doorward.yaml", CONFIGURATION);
        folder.write("policies/extra.cedar", "");
        folder.write("roles/entra.yaml", ROLES);
        folder.write("secrets/client", "one");
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Exit status, standard output and standard error of a `doorward` command that runs in the folder.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(arguments).current_dir(self.0.path());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}
