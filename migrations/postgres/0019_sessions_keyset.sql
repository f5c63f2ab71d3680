-- Receipts and auditors name a session by its keyset; there is a session for each registration, with its evidence.
CREATE INDEX sessions_keyset ON sessions (keyset_digest, runner);
