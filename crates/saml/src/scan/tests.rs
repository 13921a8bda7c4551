//! The scanner on small documents, with small limits.

use super::*;

const LIMITS: Limits = Limits { max_bytes: 200, max_attributes: 3, max_depth: 3, max_namespaces: 4, max_nodes: 9 };

#[test]
fn tags_are_counted_and_text_is_not() {
    for (text, expected) in [
        ("<a/>", Ok(())),
        ("\u{feff}<?xml version=\"1.0\"?><a/>", Ok(())),
        ("<a b='1' c='2' d='3'/>", Ok(())),
        ("<a b='1' c='2' d='3' e='4'/>", Err("saml.too_many_attributes")),
        ("<a b='====' c='\"=\"=' d=\">='>=\"/>", Ok(())),
        ("<a>b=c d=e f=g h=i</a>", Ok(())),
        ("<a><b><c/></b></a>", Ok(())),
        ("<a><b><c></c><c/></b></a>", Ok(())),
        ("<a><b><c><d/></c></b></a>", Err("saml.too_deep")),
        ("<a x='/'><b x='/'><c x='/'><d/></c></b></a>", Err("saml.too_deep")),
        ("<a xmlns='u' xmlns:b='v'><c xmlns:d='w' xmlns:e='x'/></a>", Ok(())),
        ("<a xmlns='u' xmlns:b='v'><c xmlns:d='w' xmlns:e='x'/><c xmlns:d='w' xmlns:e='x'/></a>", Ok(())),
        ("<a xmlns='u' xmlns:b='v'><c xmlns:d='w' xmlns:e='x' xmlns:f='y'/></a>", Err("saml.too_many_namespaces")),
        ("<a\txmlns='u'\nxmlns:b='v'><c\rxmlns:d='w' xmlns:e='x'><d xmlns='z'/></c></a>", Err("saml.too_many_namespaces")),
        ("<a b='1' c='2' d='3'><b b='1' c='2' d='3'/><c b='1'/></a>", Err("saml.too_many_nodes")),
        ("<a b='\t'/>", Err("saml.xml_malformed")),
        ("<a\tb='1'\r\nc=\"\n\"/>", Err("saml.xml_malformed")),
        ("<a\tb='1'\r\nc='&#10;'>\n\t\r</a>", Ok(())),
        ("<a xxmlns='1' b=' xmlns xmlns xmlns xmlns xmlns'/>", Ok(())),
        ("<a><!-- x --></a>", Err("saml.comment_forbidden")),
        ("<a><?x?></a>", Err("saml.processing_instruction_forbidden")),
        (" <?xml version=\"1.0\"?><a/>", Err("saml.processing_instruction_forbidden")),
        ("<a><![CDATA[x]]></a>", Err("saml.cdata_forbidden")),
        ("<!DOCTYPE a><a/>", Err("saml.dtd_forbidden")),
        ("<!doctype a><a/>", Err("saml.dtd_forbidden")),
        ("<a", Ok(())),
        ("</a></b></c><a/>", Ok(())),
        ("", Ok(())),
    ] {
        assert_eq!(scan(text.as_bytes(), &LIMITS, Mode::Protocol).map(|_| ()).map_err(|error| error.code()), expected, "{text}");
    }
}

#[test]
fn metadata_may_have_comments_with_markup_in_them() {
    for (text, expected) in [
        ("<!-- <a><a><a><a><a> --><a><!-- -- > --></a>", Ok(())),
        ("<?pi <a><a><a><a><a> ?><a/>", Ok(())),
        ("<a><![CDATA[<a><a><a><a><a>]]></a>", Ok(())),
        ("<!-- <!DOCTYPE a> --><!DOCTYPE a><a/>", Err("saml.dtd_forbidden")),
        ("<!-- never closed", Ok(())),
        ("<a b='\n\t'/>", Ok(())),
    ] {
        assert_eq!(scan(text.as_bytes(), &LIMITS, Mode::Metadata).map(|_| ()).map_err(|error| error.code()), expected, "{text}");
    }
}

#[test]
fn size_and_encoding_come_first() {
    assert_eq!(scan(&[b' '; 201], &LIMITS, Mode::Protocol), Err(XmlError::TooLarge { limit: 200, actual: 201 }));
    assert_eq!(scan(b"<a>\xff</a>", &LIMITS, Mode::Protocol), Err(XmlError::NotUtf8));
    assert_eq!(scan(b"\xfe\xff\x00<\x00a", &LIMITS, Mode::Protocol), Err(XmlError::NotUtf8));
}
