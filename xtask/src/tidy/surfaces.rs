//! What a module of the gateway may not know: its surfaces do not import each other, and one file opens connections.

use super::{File, Findings, Tree};

/// The surfaces of the gateway. They meet in stored rows and redirects, never in a call.
const SURFACES: [&str; 4] = ["login", "authserver", "proxy", "admin"];

/// What several surfaces build on: a file or a folder that knows none of them.
const BELOW: [&str; 3] = ["idp_session", "openid", "graph"];

/// Who may open a connection, and what that looks like in the source.
const OPENS: [&str; 3] = ["TcpStream::connect", "HttpConnector::new", "legacy::Client::builder"];
const MAY_OPEN: &str = "crates/gateway/src/outbound";

/// Reads every product file of the gateway.
pub(super) fn imports(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for file in tree.matching("crates/gateway/src/", ".rs").filter(|file| !is_test(file)) {
        let own = SURFACES.into_iter().find(|surface| file.path.starts_with(&format!("crates/gateway/src/{surface}/")));
        let known = SURFACES.into_iter().filter(|other| own.is_some_and(|own| own != *other));
        for other in known.filter(|other| names(file, other)) {
            findings.push(format!("{}: a surface does not import another one (`crate::{other}`)", file.path));
        }
        let below = BELOW.into_iter().find(|below| {
            file.path
                .strip_prefix("crates/gateway/src/")
                .and_then(|path| path.strip_prefix(below))
                .is_some_and(|rest| rest.starts_with(['.', '/']))
        });
        for surface in SURFACES.into_iter().filter(|surface| below.is_some() && names(file, surface)) {
            findings.push(format!("{}: what surfaces build on knows none of them (`crate::{surface}`)", file.path));
        }
        if let Some(call) = OPENS.into_iter().find(|call| file.text.contains(call)).filter(|_| !file.path.starts_with(MAY_OPEN)) {
            findings.push(format!("{}: only gateway::outbound opens connections (`{call}`)", file.path));
        }
    }
    findings
}

fn names(file: &File, surface: &str) -> bool {
    [format!("crate::{surface}::"), format!("crate::{surface};")].iter().any(|import| file.text.contains(import))
}

fn is_test(file: &File) -> bool {
    file.path.ends_with("tests.rs") || file.path.contains("/tests/")
}

#[cfg(test)]
mod tests {
    use super::imports;
    use crate::tidy::{File, Tree};

    fn findings(path: &str, text: &str) -> Vec<String> {
        imports(&Tree { root: "/nowhere".into(), files: vec![File { path: path.to_owned(), text: text.to_owned() }] })
    }

    #[test]
    fn a_surface_that_imports_another_is_found() {
        let found = findings("crates/gateway/src/login/mod.rs", "use crate::proxy::handle;");
        assert_eq!(found, ["crates/gateway/src/login/mod.rs: a surface does not import another one (`crate::proxy`)"]);
        assert!(findings("crates/gateway/src/routes.rs", "use crate::proxy::handle;").is_empty());
    }

    #[test]
    fn what_surfaces_build_on_knows_none_of_them() {
        for path in ["idp_session.rs", "openid/token.rs", "graph.rs"] {
            let path = format!("crates/gateway/src/{path}");
            let found = findings(&path, "use crate::login::oidc;");
            assert_eq!(found, [format!("{path}: what surfaces build on knows none of them (`crate::login`)")]);
            assert!(findings(&path, "use crate::outbound::FetchRequest;").is_empty());
        }
        assert!(findings("crates/gateway/src/graphs.rs", "use crate::login::oidc;").is_empty());
    }

    #[test]
    fn a_connection_outside_of_outbound_is_found() {
        let found = findings("crates/gateway/src/keys.rs", "TcpStream::connect(address)");
        assert_eq!(found, ["crates/gateway/src/keys.rs: only gateway::outbound opens connections (`TcpStream::connect`)"]);
        assert!(findings("crates/gateway/src/outbound.rs", "TcpStream::connect(address)").is_empty());
    }
}
