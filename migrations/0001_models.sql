CREATE TABLE models (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  price_input INTEGER NOT NULL CHECK (price_input >= 0),
  price_cached INTEGER NOT NULL CHECK (price_cached BETWEEN 0 AND price_input),
  price_output INTEGER NOT NULL CHECK (price_output >= 0),
  demonstration INTEGER NOT NULL CHECK (demonstration IN (0, 1)),
  withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
