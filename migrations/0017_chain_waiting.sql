CREATE TABLE chain_waiting (
  address TEXT NOT NULL,
  lt TEXT NOT NULL CHECK (length(lt) = 20),
  hash TEXT NOT NULL,
  account TEXT NOT NULL,
  value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9007199254740991),
  time INTEGER NOT NULL,
  waits_for TEXT NOT NULL CHECK (waits_for IN ('agreement', 'final_block', 'provider')),
  PRIMARY KEY (address, lt)
) STRICT, WITHOUT ROWID;

CREATE INDEX chain_waiting_account ON chain_waiting (account, lt);
