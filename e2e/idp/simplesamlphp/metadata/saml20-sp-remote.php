<?php
// Doorward as SimpleSAMLphp knows it. The file is written once Doorward's own metadata is up, and again to switch a variant on.
$file = getenv('E2E_SSP_WORK') . '/sp.json';
if (is_readable($file)) {
    $sp = json_decode(file_get_contents($file), true);
    $metadata[$sp['entityId']] = [
        'AssertionConsumerService' => $sp['acs'],
        'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
        'saml20.sign.assertion' => $sp['signAssertion'],
        'saml20.sign.response' => $sp['signResponse'],
        'assertion.encryption' => $sp['encrypt'],
        'validate.authnrequest' => $sp['validateRequests'],
        'SingleLogoutService' => $sp['slo'],
        'sign.logout' => true,
        'validate.logout' => true,
        'certData' => $sp['certificate'],
    ];
}
