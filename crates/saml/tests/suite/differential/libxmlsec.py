"""The second opinion: libxmlsec, by Python's xmlsec and lxml. Reads documents as JSON lines, says for each what it holds to be signed.

A document is valid if every signature that is a child of the Response or of one of its Assertions verifies with the key given, refers
to its parent, and there is at least one; "subjects" is then what stands in the assertions that are covered, by lxml's reading.
"""

import base64
import json
import sys

import xmlsec
from lxml import etree

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def verifies(signature, element, certificate):
    reference = signature.find(f"{DS}SignedInfo/{DS}Reference")
    if reference is None or reference.get("URI") != "#" + element.get("ID", ""):
        return False
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(base64.b64decode(certificate), xmlsec.constants.KeyDataFormatCertDer)
    context.verify(signature)
    return True


def judge(document):
    root = etree.fromstring(base64.b64decode(document["xml"]), PARSER)
    if root.tag != f"{SAMLP}Response":
        return {"valid": False, "reason": "not a Response"}
    xmlsec.tree.add_ids(root, ["ID"])
    assertions = root.findall(f"{SAML}Assertion")
    signed = []
    for element in [root, *assertions]:
        for signature in element.findall(f"{DS}Signature"):
            if not verifies(signature, element, document["certificate"]):
                return {"valid": False, "reason": "a reference to something else"}
            signed.append(element)
    if not signed:
        return {"valid": False, "reason": "not signed"}
    covered = [assertion for assertion in assertions if root in signed or assertion in signed]
    return {"valid": True, "subjects": [read(assertion) for assertion in covered]}


def read(assertion):
    name_id = assertion.find(f"{SAML}Subject/{SAML}NameID")
    values = assertion.findall(f"{SAML}AttributeStatement/{SAML}Attribute/{SAML}AttributeValue")
    return {
        "id": assertion.get("ID"),
        "name_id": (name_id.text or "").strip() if name_id is not None else None,
        "values": [value.text or "" for value in values if len(value) == 0],
    }


for line in open(sys.argv[1], encoding="utf-8"):
    try:
        verdict = judge(json.loads(line))
    except (etree.XMLSyntaxError, xmlsec.Error, ValueError) as error:
        verdict = {"valid": False, "reason": f"{type(error).__name__}: {error}"[:200]}
    print(json.dumps(verdict))
