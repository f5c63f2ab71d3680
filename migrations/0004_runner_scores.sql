ALTER TABLE runners DROP COLUMN score;

CREATE TABLE runner_scores (
  runner TEXT PRIMARY KEY,
  first_byte_ms REAL NOT NULL CHECK (first_byte_ms >= 0),
  tokens_per_second REAL NOT NULL CHECK (tokens_per_second >= 0),
  success REAL NOT NULL CHECK (success BETWEEN 0 AND 1),
  failures INTEGER NOT NULL CHECK (failures >= 0),
  trips INTEGER NOT NULL CHECK (trips >= 0),
  open_until INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
