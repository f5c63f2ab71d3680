-- The commission may change while a cheque waits: the Till takes it with the fee that its owner signed, and no other.
ALTER TABLE accounts ADD COLUMN cheque_fee_bps INTEGER CHECK (cheque_fee_bps BETWEEN 0 AND 10000);
