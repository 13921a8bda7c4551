-- The session that took this one's place when the same person signed in again in the same browser. Such a session has
-- ended, but nobody has signed out.
ALTER TABLE browser_sessions ADD COLUMN replaced_by TEXT;
