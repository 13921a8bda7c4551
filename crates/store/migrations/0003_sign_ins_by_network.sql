-- Where a sign-in was begun from: an IPv4 address or an IPv6 /64, so that one stranger cannot fill the table.
ALTER TABLE authorization_requests ADD COLUMN network TEXT NOT NULL DEFAULT '';
CREATE INDEX authorization_requests_network ON authorization_requests (network, created_at);
