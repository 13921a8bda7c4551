"""pysaml2 as a company's IdP: the library makes and signs everything, this is the web server around it.

One identity provider for each variant, at /VARIANT/metadata and /VARIANT/sso. The service provider's metadata of each is
VARIANT.xml in the working folder.
"""

import base64
import html
import os
import urllib.parse
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_EMAILADDRESS, NameID
from saml2.server import Server
from saml2.sigver import pre_encryption_part

URL = os.environ["E2E_IDP_URL"]
WORK = os.environ["E2E_IDP_WORK"]
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
AES256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
PEOPLE = {
    "alice": {"name": "Alice Åberg & Söner", "group": "engineering"},
    "bob": {"name": "Bob", "group": "contractors"},
    "carol": {"name": "Carol", "group": "sales"},
}
# What is signed and encrypted. pysaml2 has one cipher of its own, triple DES; the last variant hands its template another one.
VARIANTS = {
    "signed-assertion": {"sign_assertion": True, "sign_response": False},
    "signed-response": {"sign_assertion": False, "sign_response": True},
    "signed-both": {"sign_assertion": True, "sign_response": True},
    "encrypted-3des": {"sign_assertion": True, "sign_response": True, "encrypt_assertion": True},
    "encrypted-gcm": {"sign_assertion": True, "sign_response": True, "encrypt_assertion": True},
}
FORM = '<!doctype html><title>pysaml2</title><form method="post"><input name="username"><input name="password" type="password"><button>Sign in</button></form>'


def identity_provider(variant):
    base = f"{URL}/{variant}"
    config = IdPConfig()
    config.load(
        {
            "entityid": f"{base}/metadata",
            "xmlsec_binary": "/usr/bin/xmlsec1",
            "key_file": f"{WORK}/idp.key",
            "cert_file": f"{WORK}/idp.crt",
            "metadata": {"local": [f"{WORK}/{variant}.xml"]},
            "service": {
                "idp": {
                    "name": "pysaml2",
                    "want_authn_requests_signed": True,
                    "endpoints": {"single_sign_on_service": [(f"{base}/sso", BINDING_HTTP_REDIRECT)]},
                    "name_id_format": [NAMEID_FORMAT_EMAILADDRESS],
                    "policy": {
                        "default": {
                            "lifetime": {"minutes": 15},
                            "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
                            "attribute_restrictions": None,
                        }
                    },
                }
            },
        }
    )
    server = Server(config=config)
    if variant == "encrypted-gcm":
        server.sec.encrypt_assertion = partial(encrypt_with_gcm, server.sec.crypto)
    return server


def encrypt_with_gcm(crypto, statement, certificate, template, key_type=None, node_xpath=None):
    template = pre_encryption_part(msg_enc=AES256_GCM)
    return crypto.encrypt_assertion(statement, certificate, template, "aes-256", node_xpath)


SERVERS = {variant: identity_provider(variant) for variant in VARIANTS}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        variant, page, query = self.asked()
        if page == "metadata":
            self.answer(200, str(entity_descriptor(SERVERS[variant].config)), "application/samlmetadata+xml")
        elif page == "sso":
            self.answer(200, FORM)
        else:
            self.answer(404, "no such page")

    def do_POST(self):
        variant, page, query = self.asked()
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        form = dict(urllib.parse.parse_qsl(body))
        user = form.get("username")
        if page != "sso" or user not in PEOPLE or form.get("password") != f"{user}pw":
            self.answer(401, FORM)
            return
        acs, response = respond(variant, query, user)
        self.answer(200, post_form(acs, response, query.get("RelayState", "")))

    def asked(self):
        address = urllib.parse.urlsplit(self.path)
        variant, _, page = address.path.strip("/").partition("/")
        known = variant if variant in SERVERS else next(iter(SERVERS))
        return known, page, dict(urllib.parse.parse_qsl(address.query))

    def answer(self, status, text, content_type="text/html; charset=utf-8"):
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def respond(variant, query, user):
    """The response to the request in the query, once its signature is verified: the address to post it to, and its text."""
    server = SERVERS[variant]
    request = server.parse_authn_request(
        query["SAMLRequest"],
        BINDING_HTTP_REDIRECT,
        relay_state=query.get("RelayState"),
        sigalg=query.get("SigAlg"),
        signature=query.get("Signature"),
    )
    where = server.response_args(request.message, [BINDING_HTTP_POST])
    person = PEOPLE[user]
    mail = f"{user}@example.com"
    response = server.create_authn_response(
        {"uid": [user], "mail": [mail], "displayName": [person["name"]], "groups": [person["group"], "everyone"]},
        where["in_response_to"],
        where["destination"],
        where["sp_entity_id"],
        name_id=NameID(format=NAMEID_FORMAT_EMAILADDRESS, text=mail),
        authn={"class_ref": PASSWORD, "authn_auth": URL},
        sign_alg=RSA_SHA256,
        digest_alg=SHA256,
        **VARIANTS[variant],
    )
    return where["destination"], str(response)


def post_form(acs, response, relay_state):
    fields = {"SAMLResponse": base64.b64encode(response.encode()).decode(), "RelayState": relay_state}
    inputs = "".join(f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in fields.items())
    return f'<!doctype html><title>pysaml2</title><form method="post" action="{html.escape(acs)}">{inputs}<button>Go on</button></form>'


ThreadingHTTPServer(("127.0.0.1", urllib.parse.urlsplit(URL).port), Handler).serve_forever()
