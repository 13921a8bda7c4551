-- A call needed a stronger or newer sign-in than the one behind its token: the next sign-in of this person for this client and
-- upstream is to be made for these tools as well (an empty name: for any request).
CREATE TABLE step_up_demands (
    user_id      TEXT NOT NULL REFERENCES users (id),
    client_id    TEXT NOT NULL,
    upstream     TEXT NOT NULL,
    tool         TEXT NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id, upstream, tool)
);
CREATE INDEX step_up_demands_expiry ON step_up_demands (expires_at);
