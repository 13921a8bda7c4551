//! What runs where, and the configuration that follows from it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use url::Url;

/// The gateway's identifier at the development OpenID provider.
pub(super) const OIDC_CLIENT_ID: &str = "doorward-dev";
/// The configured names of the two identity providers.
pub(super) const SAML_IDP: &str = "dev-saml";
pub(super) const OIDC_IDP: &str = "dev-oidc";

/// Addresses and secrets of one run; every URL ends with a slash.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) gateway: Url,
    pub(super) saml: Url,
    pub(super) oidc: Url,
    pub(super) crm: Url,
    pub(super) deploy: Url,
    pub(super) oidc_secret: String,
    pub(super) data_dir: PathBuf,
}

impl Plan {
    /// The plan for `--print-config`: the ports that are wanted, whether they are free or not.
    pub(super) fn example(first: SocketAddr) -> Self {
        let url = |offset: u16| {
            let address = SocketAddr::new(first.ip(), first.port().checked_add(offset).unwrap_or_default());
            Url::parse(&format!("http://{address}/")).unwrap_or_else(|_| first_of_all())
        };
        Self {
            gateway: url(0),
            saml: url(1),
            oidc: url(2),
            crm: url(3),
            deploy: url(4),
            oidc_secret: "made-at-every-start".to_owned(),
            data_dir: PathBuf::from("doorward-dev"),
        }
    }

    /// The gateway's public URL, without the trailing slash.
    pub(super) fn public_url(&self) -> &str {
        self.gateway.as_str().trim_end_matches('/')
    }

    /// The gateway's SAML entity id.
    pub(super) fn sp_entity_id(&self) -> String {
        format!("{}/saml/metadata", self.public_url())
    }

    /// Where SAML responses go.
    pub(super) fn acs_url(&self) -> anyhow::Result<Url> {
        self.gateway.join(&format!("login/saml/{SAML_IDP}/acs")).context("the gateway's assertion consumer service")
    }

    /// Where SAML logout messages go.
    pub(super) fn slo_url(&self) -> anyhow::Result<Url> {
        self.gateway.join(&format!("login/saml/{SAML_IDP}/slo")).context("the gateway's single logout service")
    }

    /// Where the OpenID provider sends browsers after a sign-out.
    pub(super) fn logout_done(&self) -> String {
        format!("{}/logout/done", self.public_url())
    }

    /// Where the OpenID provider sends logout tokens.
    pub(super) fn backchannel_logout_uri(&self) -> anyhow::Result<Url> {
        self.gateway.join(&format!("login/oidc/{OIDC_IDP}/backchannel_logout")).context("the gateway's back-channel logout")
    }

    /// Where the OpenID provider sends its codes.
    pub(super) fn oidc_callback(&self) -> String {
        format!("{}/login/oidc/{OIDC_IDP}/callback", self.public_url())
    }

    /// The endpoint of an upstream behind the gateway.
    pub(super) fn endpoint(&self, upstream: &str) -> String {
        format!("{}/{upstream}/mcp", self.public_url())
    }

    /// The configuration of the gateway.
    pub(super) fn yaml(&self) -> String {
        format!(
            r#"# Made by `doorward dev`: everything on this machine, for a try. Not for production.
public_url: {public_url}
listen: {listen}
data_dir: {data_dir}

identity_providers:
  {SAML_IDP}:
    name: Development SAML
    saml:
      metadata: {saml}saml/metadata
      groups_attribute: groups
      username_attribute: username
      email_attribute: email
      name_attribute: displayName
  {OIDC_IDP}:
    name: Development OpenID Connect
    oidc:
      issuer: {issuer}
      client_id: {OIDC_CLIENT_ID}
      client_secret: {oidc_secret}
      scopes: [openid, email, profile, groups]

upstreams:
  crm: {{ name: Sample CRM, url: {crm}mcp }}
  deploy:
    name: Sample deployments
    url: {deploy}mcp
    # A sign-in without second factor is enough for all tools but this one.
    step_up: [{{ tools: [rollback], acr: [{second_factor}], max_age: 10m }}]

roles:
  engineering: {{ groups: [engineering] }}
  contractors: {{ groups: [contractors] }}
  sales: {{ groups: [sales] }}
  administrators: {{ groups: [administrators] }}

grants:
  - {{ roles: [engineering, administrators], upstreams: [crm, deploy], tools: ["*"], resources: ["*"], prompts: ["*"] }}
  - {{ role: contractors, upstreams: [crm, deploy], tools: ["*"], read_only: true }}
  - {{ role: sales, upstream: crm, tools: ["*"], resources: ["*"], prompts: ["*"], read_only: true }}
  - {{ role: sales, upstream: crm, tools: [create_ticket] }}
"#,
            public_url = quoted(self.public_url()),
            listen = quoted(&authority(&self.gateway)),
            data_dir = quoted_path(&self.data_dir),
            saml = self.saml,
            issuer = quoted(self.oidc.as_str().trim_end_matches('/')),
            oidc_secret = quoted(&self.oidc_secret),
            crm = self.crm,
            deploy = self.deploy,
            second_factor = quoted(devkit::SECOND_FACTOR),
        )
    }
}

/// `host:port` of a URL.
fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// A double-quoted YAML text; JSON strings are a part of YAML. `$` is doubled, so that no `${…}` is made of it.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.replace("${", "$${")).to_string()
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

#[expect(clippy::expect_used, reason = "a constant URL")]
fn first_of_all() -> Url {
    Url::parse("http://127.0.0.1:8080/").expect("a constant URL")
}
