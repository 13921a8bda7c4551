-- How to ask the identity provider again about the person of a sign-in, without a browser. Outlives the browser session that it
-- is named after, as the grants do that were given there. `version` is the compare-and-swap counter of `sealed`.
CREATE TABLE idp_refreshes (
    session_id   TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id),
    sealed       TEXT NOT NULL,
    version      BIGINT NOT NULL,
    answered_at  BIGINT NOT NULL,
    tried_at     BIGINT NOT NULL
);
