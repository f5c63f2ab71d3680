CREATE TABLE runner_hours (
  runner TEXT NOT NULL,
  hour INTEGER NOT NULL,
  watched INTEGER NOT NULL CHECK (watched BETWEEN 0 AND 3600),
  up INTEGER NOT NULL CHECK (up BETWEEN 0 AND watched),
  answered INTEGER NOT NULL CHECK (answered >= 0),
  PRIMARY KEY (runner, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE runner_faults (
  runner TEXT NOT NULL,
  hour INTEGER NOT NULL,
  code TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  PRIMARY KEY (runner, hour, code)
) STRICT, WITHOUT ROWID;
