CREATE TABLE chain_waiting (
  address TEXT NOT NULL,
  lt TEXT NOT NULL CHECK (length(lt) = 20),
  hash TEXT NOT NULL,
  account TEXT NOT NULL,
  value BIGINT NOT NULL CHECK (value BETWEEN 0 AND 9007199254740991),
  time BIGINT NOT NULL,
  waits_for TEXT NOT NULL CHECK (waits_for IN ('agreement', 'final_block', 'provider')),
  PRIMARY KEY (address, lt)
);

CREATE INDEX chain_waiting_account ON chain_waiting (account, lt);
