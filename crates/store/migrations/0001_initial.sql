-- The first schema. Portable to PostgreSQL as it stands: instants are BIGINT microseconds since the Unix epoch (UTC),
-- identifiers and hashes are TEXT (SHA-256 in base64url), sealed values are TEXT (see src/seal.rs), lists are JSON in TEXT.

-- One row that only the right master key opens: see src/seal.rs.
CREATE TABLE seal_canary (
    id      BIGINT PRIMARY KEY,
    key_id  TEXT NOT NULL,
    sealed  TEXT NOT NULL
);

-- A person as one identity provider names them. The id is never used again, whatever the identity provider recycles.
CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    idp           TEXT NOT NULL,
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    username      TEXT,
    email         TEXT,
    display_name  TEXT,
    groups_json   TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    disabled_at   BIGINT,
    UNIQUE (idp, issuer, subject)
);
CREATE INDEX users_username ON users (username);
CREATE INDEX users_email ON users (email);

CREATE TABLE browser_sessions (
    id                    TEXT PRIMARY KEY,
    token_hash            TEXT NOT NULL UNIQUE,
    user_id               TEXT NOT NULL REFERENCES users (id),
    idp                   TEXT NOT NULL,
    authn_instant         BIGINT NOT NULL,
    acr                   TEXT,
    idp_session_sealed    TEXT,
    created_at            BIGINT NOT NULL,
    last_used_at          BIGINT NOT NULL,
    expires_at            BIGINT NOT NULL,
    ended_at              BIGINT
);
CREATE INDEX browser_sessions_user ON browser_sessions (user_id);
CREATE INDEX browser_sessions_expiry ON browser_sessions (expires_at);

-- One sign-in under way. `version` is the compare-and-swap counter of `stage_sealed`.
CREATE TABLE authorization_requests (
    id            TEXT PRIMARY KEY,
    browser_hash  TEXT NOT NULL,
    purpose_json  TEXT NOT NULL,
    params_json   TEXT,
    stage_sealed  TEXT NOT NULL,
    version       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX authorization_requests_expiry ON authorization_requests (expires_at);

-- `grant_id` is chosen when the code is issued, so that a second redemption knows what to revoke.
CREATE TABLE authorization_codes (
    hash            TEXT PRIMARY KEY,
    grant_id        TEXT NOT NULL UNIQUE,
    client_id       TEXT NOT NULL,
    user_id         TEXT NOT NULL REFERENCES users (id),
    session_id      TEXT,
    upstream        TEXT NOT NULL,
    resource        TEXT NOT NULL,
    scopes_json     TEXT NOT NULL,
    redirect_uri    TEXT NOT NULL,
    code_challenge  TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    consumed_at     BIGINT
);
CREATE INDEX authorization_codes_expiry ON authorization_codes (expires_at);

-- What one person allowed one client at one upstream: the family of its refresh tokens.
CREATE TABLE grants (
    id             TEXT PRIMARY KEY,
    client_id      TEXT NOT NULL,
    user_id        TEXT NOT NULL REFERENCES users (id),
    session_id     TEXT,
    upstream       TEXT NOT NULL,
    resource       TEXT NOT NULL,
    scopes_json    TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    last_used_at   BIGINT NOT NULL,
    revoked_at     BIGINT,
    revoke_reason  TEXT
);
CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_session ON grants (session_id);
CREATE INDEX grants_last_used ON grants (last_used_at);

-- `rotated_at` is the single-use mark of a refresh token, set in the same statement that checks it.
CREATE TABLE refresh_tokens (
    hash        TEXT PRIMARY KEY,
    grant_id    TEXT NOT NULL REFERENCES grants (id),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    rotated_at  BIGINT
);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- Dynamic registrations (RFC 7591). Clients of the configuration file are not here.
CREATE TABLE clients (
    id               TEXT PRIMARY KEY,
    name             TEXT NOT NULL,
    redirect_uris    TEXT NOT NULL,
    auth_method      TEXT NOT NULL,
    secret_hash      TEXT,
    metadata_json    TEXT NOT NULL,
    registered_from  TEXT,
    created_at       BIGINT NOT NULL,
    last_used_at     BIGINT NOT NULL,
    expires_at       BIGINT
);
CREATE INDEX clients_registered_from ON clients (registered_from, created_at);
CREATE INDEX clients_expiry ON clients (expires_at);

CREATE TABLE consents (
    user_id        TEXT NOT NULL REFERENCES users (id),
    client_id      TEXT NOT NULL,
    upstream       TEXT NOT NULL,
    redirect_host  TEXT NOT NULL,
    scopes_json    TEXT NOT NULL,
    given_at       BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id, upstream, redirect_host)
);

-- Things that may be seen once: SAML assertion ids, `jti` values.
CREATE TABLE used_once (
    kind        TEXT NOT NULL,
    key_hash    TEXT NOT NULL,
    used_at     BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (kind, key_hash)
);
CREATE INDEX used_once_expiry ON used_once (expires_at);

CREATE TABLE signing_keys (
    purpose         TEXT NOT NULL,
    kid             TEXT NOT NULL,
    pkcs8_sealed    TEXT NOT NULL,
    certificate     TEXT,
    created_at      BIGINT NOT NULL,
    active_from     BIGINT NOT NULL,
    retired_at      BIGINT,
    PRIMARY KEY (purpose, kid)
);
