-- The end that the identity provider set for its session (SAML SessionNotOnOrAfter), apart from our own limits.
ALTER TABLE browser_sessions ADD COLUMN idp_ends_at BIGINT;
-- The sign-in that a code or grant was given in: when and how the person proved who they are, and until when that holds.
ALTER TABLE authorization_codes ADD COLUMN authn_instant BIGINT;
ALTER TABLE authorization_codes ADD COLUMN acr TEXT;
ALTER TABLE authorization_codes ADD COLUMN ends_at BIGINT;
ALTER TABLE grants ADD COLUMN authn_instant BIGINT;
ALTER TABLE grants ADD COLUMN acr TEXT;
ALTER TABLE grants ADD COLUMN ends_at BIGINT;
-- The identity that an administrator said is the same person's first one. It is never linked itself: links make no chains.
ALTER TABLE users ADD COLUMN linked_to TEXT REFERENCES users (id);
CREATE INDEX users_linked_to ON users (linked_to);
