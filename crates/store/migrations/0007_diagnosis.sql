-- A sign-in that an administrator tries: who opens its link is at the identity provider next. `report_sealed` is what came of it.
CREATE TABLE sign_in_tests (
    id             TEXT PRIMARY KEY,
    idp            TEXT NOT NULL,
    token_hash     TEXT NOT NULL UNIQUE,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    opened_at      BIGINT,
    report_sealed  TEXT
);
CREATE INDEX sign_in_tests_expiry ON sign_in_tests (expires_at);

-- The next failing sign-in of one person, if it comes before `armed_until`. `expires_at` is when it is forgotten, caught or not.
CREATE TABLE captures (
    id             TEXT PRIMARY KEY,
    person         TEXT NOT NULL,
    idp            TEXT,
    asked_by       TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    armed_until    BIGINT NOT NULL,
    caught_at      BIGINT,
    expires_at     BIGINT NOT NULL,
    report_sealed  TEXT
);
CREATE INDEX captures_armed ON captures (armed_until);
CREATE INDEX captures_expiry ON captures (expires_at);
