ALTER TABLE leases ADD COLUMN capabilities TEXT CHECK (capabilities IS NULL OR json_valid(capabilities));
