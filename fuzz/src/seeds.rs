//! The first inputs of each target, made from the captures.

use std::fs;
use std::io;
use std::path::Path;

use crate::setup::{CASES, FRESH_XML, metadata_files};
use crate::{jwt, saml};

/// Writes the seeds of every target below `folder`, in a folder of the target's name.
pub fn write(folder: &Path) -> io::Result<()> {
    let targets = [
        ("saml_response", responses()),
        ("saml_metadata", metadata()),
        ("saml_redirect", queries()),
        ("id_token", tokens()),
        ("logout_token", logout_tokens()),
    ];
    for (target, seeds) in targets {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:02}")), seed)?;
        }
    }
    Ok(())
}

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag], bytes].concat()
}

fn responses() -> Vec<Vec<u8>> {
    let captures = (0_u8..).zip(CASES.iter()).map(|(at, case)| tagged(at, &case.xml));
    let plain = saml::plain_assertion();
    // With each, whether it is accepted: a mode whose seed is not reaches nothing of what it is for.
    let made = [
        (true, tagged(saml::SIGNED, FRESH_XML.as_bytes())),
        (true, tagged(saml::SIGNED, FRESH_XML.replace("{SIG:_r}", "").as_bytes())),
        (true, tagged(saml::SIGNED, FRESH_XML.replace("{SIG:_a}", "").as_bytes())),
        (true, tagged(saml::SIGNED, saml::encrypted_seed().as_bytes())),
        (false, tagged(saml::ENCRYPTED, plain.as_bytes())),
        (true, tagged(saml::ENCRYPTED, saml::signable_assertion().as_bytes())),
        (true, tagged(saml::COVERED, plain.as_bytes())),
    ];
    for (number, (accepted, seed)) in made.iter().enumerate() {
        assert_eq!(saml::response(seed), *accepted, "seed {number}");
    }
    captures.chain(made.map(|(_, seed)| seed)).collect()
}

fn metadata() -> Vec<Vec<u8>> {
    let files = metadata_files();
    let wanted = files[2].replace("http://127.0.0.1:7001/idp", "https://idp.test/wanted");
    let several = format!(
        r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" validUntil="2027-01-01T00:00:00Z">{}{wanted}</md:EntitiesDescriptor>"#,
        files[2]
    );
    files
        .iter()
        .map(|file| tagged(b'A', file.as_bytes()))
        .chain([tagged(b'W', wanted.as_bytes()), tagged(b'W', several.as_bytes())])
        .collect()
}

fn queries() -> Vec<Vec<u8>> {
    let query = saml::genuine_query();
    let request = r#"<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://gw.test/sp</saml:Issuer></samlp:AuthnRequest>"#;
    vec![
        tagged(b'K', query.as_bytes()),
        tagged(b'N', query.as_bytes()),
        tagged(b'N', query.replace("SAMLResponse", "SAMLRequest").as_bytes()),
        tagged(b'P', query.replace("SAMLResponse", "SAMLRequest").as_bytes()),
        tagged(b'F', request.as_bytes()),
        tagged(b'D', &saml::deflate(request.as_bytes())),
        tagged(b'D', &saml::deflate(&[b' '; 400_000])),
    ]
}

fn tokens() -> Vec<Vec<u8>> {
    let key_set = format!(
        r#"{{"keys":[{},{{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","use":"sig","x":"{}","y":"{}"}}]}}"#,
        r#"{"kty":"oct","k":"AAAA"}"#,
        "A".repeat(43),
        "A".repeat(43)
    );
    let discovery = r#"{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/a","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/j","response_types_supported":["code"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"]}"#;
    vec![
        tagged(b'R', jwt::sign(jwt::HEADER.as_bytes(), jwt::CLAIMS.as_bytes()).as_bytes()),
        tagged(b'S', format!("{}\n{}", jwt::HEADER, jwt::CLAIMS).as_bytes()),
        tagged(b'J', key_set.as_bytes()),
        tagged(b'D', discovery.as_bytes()),
    ]
}

fn logout_tokens() -> Vec<Vec<u8>> {
    let header = r#"{"alg":"RS256","typ":"logout+jwt"}"#;
    vec![
        tagged(b'R', jwt::sign(jwt::HEADER.as_bytes(), jwt::LOGOUT_CLAIMS.as_bytes()).as_bytes()),
        tagged(b'S', format!("{}\n{}", jwt::HEADER, jwt::LOGOUT_CLAIMS).as_bytes()),
        tagged(b'S', format!("{header}\n{}", jwt::LOGOUT_CLAIMS).as_bytes()),
        tagged(b'S', format!("{header}\n{}", jwt::CLAIMS).as_bytes()),
    ]
}
