-- Everything the first release stores. Migrations only grow: a later file changes what this one made.
-- Amounts are whole nanoTON up to 2^53 - 1; STRICT and CHECK hold what the ledger promises even against a bug.

CREATE TABLE accounts (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  mode TEXT NOT NULL CHECK (mode IN ('managed', 'sovereign')),
  keys TEXT,
  available INTEGER NOT NULL CHECK (available BETWEEN 0 AND 9007199254740991),
  held INTEGER NOT NULL CHECK (held BETWEEN 0 AND 9007199254740991),
  credited INTEGER NOT NULL CHECK (credited BETWEEN 0 AND 9007199254740991),
  paid_out INTEGER NOT NULL CHECK (paid_out BETWEEN 0 AND 9007199254740991),
  settled INTEGER NOT NULL CHECK (settled BETWEEN 0 AND 9007199254740991),
  collected INTEGER NOT NULL CHECK (collected >= 0),
  debt INTEGER NOT NULL CHECK (debt >= 0),
  charged INTEGER NOT NULL CHECK (charged >= 0),
  cheque INTEGER NOT NULL CHECK (cheque >= 0),
  cheque_signature TEXT,
  cap_left INTEGER CHECK (cap_left >= 0),
  cap_daily INTEGER CHECK (cap_daily >= 0),
  cap_resets INTEGER,
  exit_at INTEGER,
  seqno INTEGER NOT NULL,
  created INTEGER NOT NULL,
  CHECK (available + held = credited - paid_out - settled + debt)
) STRICT;

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  hash TEXT NOT NULL,
  name TEXT NOT NULL,
  masked TEXT NOT NULL,
  sealed_only INTEGER NOT NULL CHECK (sealed_only IN (0, 1)),
  expires INTEGER,
  revoked INTEGER,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_account ON api_keys (account);

CREATE TABLE terms (
  id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  runner TEXT NOT NULL,
  session TEXT NOT NULL,
  payee TEXT NOT NULL,
  price_input INTEGER NOT NULL CHECK (price_input >= 0),
  price_cached INTEGER NOT NULL CHECK (price_cached >= 0),
  price_output INTEGER NOT NULL CHECK (price_output >= 0),
  commission_bps INTEGER NOT NULL CHECK (commission_bps BETWEEN 0 AND 10000),
  UNIQUE (runner, session, model, payee, price_input, price_cached, price_output, commission_bps)
) STRICT;

CREATE TABLE holds (
  request TEXT NOT NULL,
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  account INTEGER NOT NULL,
  key TEXT,
  state TEXT NOT NULL CHECK (state IN ('open', 'lapsed', 'void')),
  amount INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 9007199254740991),
  terms INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (request, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE settlements (
  id INTEGER PRIMARY KEY,
  request TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  account INTEGER NOT NULL,
  key TEXT,
  terms INTEGER NOT NULL,
  reserved INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL CHECK (prompt_tokens >= 0),
  cached_tokens INTEGER NOT NULL CHECK (cached_tokens BETWEEN 0 AND prompt_tokens),
  completion_tokens INTEGER NOT NULL CHECK (completion_tokens >= 0),
  reasoning_tokens INTEGER NOT NULL CHECK (reasoning_tokens >= 0),
  stop TEXT NOT NULL CHECK (stop IN ('normal', 'length', 'aborted', 'error')),
  cost INTEGER NOT NULL CHECK (cost BETWEEN 0 AND reserved),
  commission INTEGER NOT NULL CHECK (commission BETWEEN 0 AND cost),
  cumulative INTEGER NOT NULL CHECK (cumulative >= cost),
  late INTEGER NOT NULL CHECK (late IN (0, 1)),
  created INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE settlement_attempts (
  request TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  settlement INTEGER NOT NULL,
  PRIMARY KEY (request, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE settlement_accounts (
  account INTEGER NOT NULL,
  cumulative INTEGER NOT NULL,
  settlement INTEGER NOT NULL,
  PRIMARY KEY (account, cumulative, settlement)
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO marks (name, value) VALUES ('indexed', 0);

CREATE TABLE receipts (
  settlement INTEGER PRIMARY KEY,
  document TEXT NOT NULL
) STRICT;

CREATE TABLE transfers (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  source TEXT NOT NULL,
  target TEXT NOT NULL CHECK (target <> source),
  amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 9007199254740991),
  at INTEGER NOT NULL
) STRICT;

CREATE VIEW postings AS
  SELECT source AS account, -amount AS amount FROM transfers
  UNION ALL
  SELECT target AS account, amount FROM transfers
  UNION ALL
  SELECT 'acct:' || a.id AS account, -s.cost AS amount FROM settlements s LEFT JOIN accounts a ON a.no = s.account
  UNION ALL
  SELECT 'clearing' AS account, cost AS amount FROM settlements;

CREATE TABLE hosts (
  payee TEXT PRIMARY KEY,
  earned INTEGER NOT NULL CHECK (earned BETWEEN 0 AND 9007199254740991),
  collected INTEGER NOT NULL CHECK (collected >= 0),
  vouchered INTEGER NOT NULL CHECK (vouchered BETWEEN 0 AND collected),
  redeemed INTEGER NOT NULL CHECK (redeemed >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE host_outbox (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  payee TEXT NOT NULL,
  earned INTEGER NOT NULL CHECK (earned >= 0),
  commission INTEGER NOT NULL CHECK (commission >= 0),
  collected INTEGER NOT NULL CHECK (collected >= 0),
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE host_inbox (
  key TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE vouchers (
  id INTEGER PRIMARY KEY,
  till TEXT NOT NULL,
  payee TEXT NOT NULL,
  cumulative INTEGER NOT NULL CHECK (cumulative > 0),
  signature TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX vouchers_payee ON vouchers (till, payee, cumulative);

CREATE TABLE charges (
  id INTEGER PRIMARY KEY,
  till TEXT NOT NULL,
  batch TEXT NOT NULL,
  signature TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE charge_items (
  charge INTEGER NOT NULL,
  account TEXT NOT NULL,
  cumulative INTEGER NOT NULL CHECK (cumulative > 0),
  PRIMARY KEY (charge, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX charge_items_account ON charge_items (account, cumulative);

CREATE TABLE chain_cursors (
  address TEXT PRIMARY KEY,
  lt TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE chain_staging (
  address TEXT NOT NULL,
  lt TEXT NOT NULL,
  hash TEXT NOT NULL,
  prev_lt TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  boc TEXT NOT NULL,
  PRIMARY KEY (address, lt)
) STRICT, WITHOUT ROWID;

CREATE TABLE chain_events (
  address TEXT NOT NULL,
  lt TEXT NOT NULL,
  hash TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('deposit', 'orphan', 'returned', 'unattributed', 'operation')),
  account TEXT,
  sender TEXT,
  value INTEGER NOT NULL,
  reason TEXT,
  time INTEGER NOT NULL,
  PRIMARY KEY (address, lt)
) STRICT, WITHOUT ROWID;
CREATE INDEX chain_events_account ON chain_events (account, lt);
CREATE INDEX chain_events_kind ON chain_events (kind, lt);

CREATE TABLE runners (
  id TEXT PRIMARY KEY,
  payee TEXT NOT NULL,
  hardware TEXT NOT NULL,
  model TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('admitted', 'drained', 'denied')),
  sequence INTEGER NOT NULL,
  score INTEGER NOT NULL,
  created INTEGER NOT NULL,
  seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX runners_hardware ON runners (hardware, model);

CREATE TABLE leases (
  runner TEXT PRIMARY KEY,
  session TEXT NOT NULL,
  keyset TEXT NOT NULL,
  keyset_digest TEXT NOT NULL,
  transport TEXT NOT NULL,
  origin TEXT NOT NULL,
  context_length INTEGER NOT NULL,
  max_output_tokens INTEGER NOT NULL,
  price_coefficient_bps INTEGER NOT NULL,
  capacity INTEGER NOT NULL,
  allowance_key BLOB NOT NULL,
  expires INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  runner TEXT NOT NULL,
  keyset_digest TEXT NOT NULL,
  document TEXT NOT NULL,
  evidence TEXT NOT NULL,
  collateral TEXT NOT NULL,
  at INTEGER NOT NULL,
  appraised INTEGER NOT NULL,
  cut TEXT
) STRICT;
