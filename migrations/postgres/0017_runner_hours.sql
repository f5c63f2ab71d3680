CREATE TABLE runner_hours (
  runner TEXT NOT NULL,
  hour BIGINT NOT NULL,
  -- Another gateway that takes over may count some seconds again.
  watched BIGINT NOT NULL CHECK (watched >= 0),
  up BIGINT NOT NULL CHECK (up BETWEEN 0 AND watched),
  answered BIGINT NOT NULL CHECK (answered >= 0),
  PRIMARY KEY (runner, hour)
);

CREATE TABLE runner_faults (
  runner TEXT NOT NULL,
  hour BIGINT NOT NULL,
  code TEXT NOT NULL,
  count BIGINT NOT NULL CHECK (count > 0),
  PRIMARY KEY (runner, hour, code)
);
