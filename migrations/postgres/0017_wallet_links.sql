CREATE TABLE wallet_links (
  account TEXT NOT NULL,
  wallet TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (account, wallet)
);

CREATE INDEX wallet_links_wallet ON wallet_links (wallet, at);
