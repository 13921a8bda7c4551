//! What a module of the gateway may not know: its surfaces do not import each other, and one file opens connections.

use super::{File, Findings, Tree};

/// The surfaces of the gateway. They meet in stored rows and redirects, never in a call.
const SURFACES: [&str; 4] = ["login", "authserver", "proxy", "admin"];

/// Who may open a connection, and what that looks like in the source.
const OPENS: [&str; 3] = ["TcpStream::connect", "HttpConnector::new", "legacy::Client::builder"];
const MAY_OPEN: &str = "crates/gateway/src/outbound";

/// Reads every product file of the gateway.
pub(super) fn imports(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for file in tree.matching("crates/gateway/src/", ".rs").filter(|file| !is_test(file)) {
        let own = SURFACES.into_iter().find(|surface| file.path.starts_with(&format!("crates/gateway/src/{surface}/")));
        let known = SURFACES.into_iter().filter(|other| own.is_some_and(|own| own != *other));
        for other in
            known.filter(|other| file.text.contains(&format!("crate::{other}::")) || file.text.contains(&format!("crate::{other};")))
        {
            findings.push(format!("{}: a surface does not import another one (`crate::{other}`)", file.path));
        }
        if let Some(call) = OPENS.into_iter().find(|call| file.text.contains(call)).filter(|_| !file.path.starts_with(MAY_OPEN)) {
            findings.push(format!("{}: only gateway::outbound opens connections (`{call}`)", file.path));
        }
    }
    findings
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
    fn a_connection_outside_of_outbound_is_found() {
        let found = findings("crates/gateway/src/keys.rs", "TcpStream::connect(address)");
        assert_eq!(found, ["crates/gateway/src/keys.rs: only gateway::outbound opens connections (`TcpStream::connect`)"]);
        assert!(findings("crates/gateway/src/outbound.rs", "TcpStream::connect(address)").is_empty());
    }
}
