CREATE TABLE wallet_links (
  account TEXT NOT NULL,
  wallet TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (account, wallet)
) STRICT, WITHOUT ROWID;

CREATE INDEX wallet_links_wallet ON wallet_links (wallet, at);
