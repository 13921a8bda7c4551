//! Whose name may stand in `iss` of an ID token: the configured issuer's, but for the quirks of Microsoft Entra ID.
//!
//! Entra ID has one metadata document per tenant and version, and two (`common`, `organizations`) that speak for all tenants
//! and have a template for an issuer. An address without `/v2.0` publishes the issuer of the older version, on another host.

use url::Url;

use super::discovery::IssuerUrl;

/// The hosts of Entra ID and its national clouds, each with the host of its version 1 issuers.
const ENTRA: [(&str, &str); 6] = [
    ("login.microsoftonline.com", "sts.windows.net"),
    ("login.microsoftonline.us", "sts.windows.net"),
    ("login.partner.microsoftonline.cn", "sts.chinacloudapi.cn"),
    ("login.chinacloudapi.cn", "sts.chinacloudapi.cn"),
    ("sts.windows.net", "sts.windows.net"),
    ("sts.chinacloudapi.cn", "sts.chinacloudapi.cn"),
];
/// What stands in a template in the tenant's place.
const PLACE: &str = "{tenantid}";

/// A value that `iss` may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIssuer {
    /// The value, byte for byte.
    pub issuer: IssuerUrl,
    /// What `tid` must say then.
    pub tenant: Option<String>,
}

impl IssuerUrl {
    /// Whether it is of Microsoft Entra ID, whose `sub` differs from application to application and whose `oid` does not.
    pub fn is_entra(&self) -> bool {
        self.entra().is_some()
    }

    /// Whether it stands for the people of many tenants, so that `tenants` must say which of them may sign in.
    pub fn is_for_many_tenants(&self) -> bool {
        self.entra().is_some_and(|entra| matches!(entra.tenant.as_str(), "common" | "organizations"))
    }

    fn entra(&self) -> Option<Entra> {
        let url = Url::parse(self.as_str()).ok()?;
        let host = url.host_str()?;
        let (_, v1_host) = ENTRA.iter().find(|(own, _)| *own == host)?;
        let mut segments = url.path_segments()?;
        let tenant = segments.next()?.to_owned();
        Some(Entra { host: host.to_owned(), v1_host, tenant, is_v2: segments.next() == Some("v2.0") })
    }
}

/// An issuer of Entra ID, taken apart.
struct Entra {
    host: String,
    v1_host: &'static str,
    tenant: String,
    is_v2: bool,
}

impl Entra {
    /// The issuer of `tenant` in this cloud and version.
    fn issuer_of(&self, tenant: &str) -> String {
        if self.is_v2 { format!("https://{}/{tenant}/v2.0", self.host) } else { format!("https://{}/{tenant}/", self.v1_host) }
    }
}

/// Which issuers the metadata at `configured` stands for when it says that it is of `published`; `None`: it is somebody else's.
pub(super) fn accepted(configured: &IssuerUrl, published: &str, tenants: &[String]) -> Option<Vec<TokenIssuer>> {
    let one = |issuer: IssuerUrl, tenant: Option<&str>| TokenIssuer { issuer, tenant: tenant.map(str::to_owned) };
    let Some(entra) = configured.entra() else {
        return (published == configured.as_str()).then(|| vec![one(configured.clone(), None)]);
    };
    if configured.is_for_many_tenants() {
        if published != entra.issuer_of(PLACE) {
            return None;
        }
        let issuers = tenants.iter().map(|tenant| Some(one(IssuerUrl::parse(&entra.issuer_of(tenant)).ok()?, Some(tenant))));
        return issuers.collect();
    }
    // Without `/v2.0`, the same tenant's issuer of version 1.
    let same = published == configured.as_str() || (!entra.is_v2 && published == entra.issuer_of(&entra.tenant));
    let issuer = IssuerUrl::parse(published).ok().filter(|_| same)?;
    Some(vec![one(issuer, None)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    #[test]
    fn which_issuers_a_document_stands_for() {
        let v2 = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        let v1 = format!("https://sts.windows.net/{TENANT}/");
        let bare = format!("https://login.microsoftonline.com/{TENANT}");
        let many = "https://login.microsoftonline.com/organizations/v2.0";
        let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let china = format!("https://login.partner.microsoftonline.cn/{TENANT}/");
        let china_v1 = format!("https://sts.chinacloudapi.cn/{TENANT}/");
        let cases: [(&str, &str, Option<&[&str]>); 14] = [
            ("https://idp.example", "https://idp.example", Some(&["https://idp.example"])),
            ("https://idp.example", "https://idp.example/", None),
            ("https://idp.example/{tenantid}", "https://idp.example/x", None),
            ("https://idp.example/common/v2.0", "https://idp.example/{tenantid}/v2.0", None),
            (&v2, &v2, Some(&[&v2])),
            (&v2, &v1, None),
            (&v1, &v1, Some(&[&v1])),
            (&bare, &v1, Some(&[&v1])),
            (&bare, "https://sts.windows.net/other/", None),
            (&china, &china_v1, Some(&[&china_v1])),
            (many, template, Some(&[&v2])),
            (many, "https://evil.example/{tenantid}/v2.0", None),
            ("https://login.microsoftonline.com/common", "https://sts.windows.net/{tenantid}/", Some(&[&v1])),
            ("https://login.microsoftonline.com.evil.example/common/v2.0", template, None),
        ];
        for (configured, published, expected) in cases {
            let found = accepted(&IssuerUrl::parse(configured).unwrap(), published, &[TENANT.to_owned()]);
            let found: Option<Vec<String>> = found.map(|issuers| issuers.iter().map(|each| each.issuer.to_string()).collect());
            let expected: Option<Vec<String>> = expected.map(|issuers| issuers.iter().map(|each| (*each).to_owned()).collect());
            assert_eq!(found, expected, "{configured} {published}");
        }
        let nobody = accepted(&IssuerUrl::parse(many).unwrap(), template, &[]);
        assert_eq!(nobody, Some(vec![]), "a tenant that is not named may not sign in");
    }
}
