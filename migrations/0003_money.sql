-- Exits that were asked for here, and wallets of hosts that proved themselves.

-- An owner's order: the account serves nothing while its row is here. `destination` is null when the owner ordered on chain.
CREATE TABLE exits (
  account TEXT PRIMARY KEY,
  till TEXT NOT NULL,
  destination TEXT,
  nonce INTEGER NOT NULL CHECK (nonce >= 0),
  signature TEXT,
  cancel_nonce INTEGER,
  cancel_signature TEXT,
  fast_nonce INTEGER,
  fast_debit INTEGER CHECK (fast_debit >= 0),
  fast_signature TEXT,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE payee_proofs (
  payee TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A machine's wish to be paid elsewhere: it waits in sight.
CREATE TABLE payee_changes (
  runner TEXT PRIMARY KEY,
  payee TEXT NOT NULL,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
