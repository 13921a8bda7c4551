-- Which session of which identity provider is behind a browser session, as keyed hashes (src/seal.rs, `lookup`): what single
-- logout names. The identifiers themselves lie in idp_session_sealed.
ALTER TABLE browser_sessions ADD COLUMN idp_subject_hash TEXT;
ALTER TABLE browser_sessions ADD COLUMN idp_session_hash TEXT;
CREATE INDEX browser_sessions_idp_subject ON browser_sessions (idp_subject_hash);
CREATE INDEX browser_sessions_idp_session ON browser_sessions (idp_session_hash);

-- A person is at the identity provider to sign out there as well; `request_id` is that of our LogoutRequest.
CREATE TABLE sign_outs (
    state_hash  TEXT PRIMARY KEY,
    idp         TEXT NOT NULL,
    request_id  TEXT,
    everywhere  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX sign_outs_expiry ON sign_outs (expires_at);
