<?php
// One account per kind of person: an engineer, a contractor, a salesperson.
$person = static fn (string $uid, string $name, array $groups): array => [
    'uid' => [$uid],
    'mail' => ["$uid@example.com"],
    'displayName' => [$name],
    'groups' => $groups,
];
$config = [
    'admin' => ['core:AdminPassword'],
    'users' => [
        'exampleauth:UserPass',
        'alice:alicepw' => $person('alice', 'Alice Åberg & Söner', ['engineering', 'everyone']),
        'bob:bobpw' => $person('bob', 'Bob', ['contractors', 'everyone']),
        'carol:carolpw' => $person('carol', 'Carol', ['sales', 'everyone']),
    ],
];
