-- Limits and rotation of API keys, spending per key and day, and what must survive a restart once it was used.

-- Keys of before could do everything, and still can.
ALTER TABLE api_keys ADD COLUMN role TEXT NOT NULL DEFAULT 'admin' CHECK (role IN ('admin', 'inference'));
-- What the key may ask for, as JSON; money limits are in key_budgets.
ALTER TABLE api_keys ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';
-- The secret before the latest rotation, valid until its time.
ALTER TABLE api_keys ADD COLUMN previous_hash TEXT;
ALTER TABLE api_keys ADD COLUMN previous_until INTEGER;
CREATE UNIQUE INDEX api_keys_previous ON api_keys (previous_hash) WHERE previous_hash IS NOT NULL;

-- Keys that may spend so much only. Windows are UTC: spent_day counts since day_start, and so on.
CREATE TABLE key_budgets (
  key TEXT PRIMARY KEY,
  account INTEGER NOT NULL,
  most_total INTEGER CHECK (most_total >= 0),
  most_day INTEGER CHECK (most_day >= 0),
  most_week INTEGER CHECK (most_week >= 0),
  most_month INTEGER CHECK (most_month >= 0),
  held INTEGER NOT NULL CHECK (held BETWEEN 0 AND 9007199254740991),
  spent_total INTEGER NOT NULL CHECK (spent_total BETWEEN 0 AND 9007199254740991),
  spent_day INTEGER NOT NULL CHECK (spent_day >= 0),
  spent_week INTEGER NOT NULL CHECK (spent_week >= 0),
  spent_month INTEGER NOT NULL CHECK (spent_month >= 0),
  -- Days since 1970-01-01 on which the windows began.
  day_start INTEGER NOT NULL,
  week_start INTEGER NOT NULL,
  month_start INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Settlements summed up, written with their indexes. '' stands for no key.
CREATE TABLE usage_days (
  account INTEGER NOT NULL,
  day INTEGER NOT NULL,
  key TEXT NOT NULL,
  model TEXT NOT NULL,
  requests INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  cost INTEGER NOT NULL CHECK (cost >= 0),
  PRIMARY KEY (account, day, key, model)
) STRICT, WITHOUT ROWID;

INSERT INTO usage_days (account, day, key, model, requests, prompt_tokens, cached_tokens, completion_tokens,
    reasoning_tokens, cost)
  SELECT s.account, s.at / 86400000, COALESCE(s.key, ''), t.model, COUNT(*), SUM(s.prompt_tokens),
    SUM(s.cached_tokens), SUM(s.completion_tokens), SUM(s.reasoning_tokens), SUM(s.cost)
  FROM settlements s JOIN terms t ON t.id = s.terms
  WHERE s.id <= (SELECT value FROM marks WHERE name = 'indexed')
  GROUP BY 1, 2, 3, 4;

-- Movements of developers' accounts, few beside those of hosts.
CREATE INDEX transfers_source ON transfers (source, id)
  WHERE kind IN ('deposit', 'withdrawal', 'shortfall', 'recovery');
CREATE INDEX transfers_target ON transfers (target, id)
  WHERE kind IN ('deposit', 'withdrawal', 'shortfall', 'recovery');

-- Nonces of signed statements, for as long as the statement would be taken.
CREATE TABLE used_nonces (
  account TEXT NOT NULL,
  nonce TEXT NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (account, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX used_nonces_expires ON used_nonces (expires);

-- Idempotency keys: a keyed hash of the key and of the request, and whose receipt it is. Never content (H21).
CREATE TABLE idempotency (
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  request TEXT NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expires ON idempotency (expires);

-- Where an account is told that its balance is low. `told` is the event that waits or was delivered last.
CREATE TABLE webhooks (
  account TEXT PRIMARY KEY,
  url TEXT NOT NULL,
  -- Names the secret, which is derived and not stored.
  secret_id TEXT NOT NULL,
  threshold INTEGER NOT NULL CHECK (threshold BETWEEN 1 AND 9007199254740991),
  state TEXT NOT NULL CHECK (state IN ('armed', 'due', 'told', 'failed')),
  event TEXT,
  available INTEGER,
  since INTEGER,
  attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
