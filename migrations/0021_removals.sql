-- Packages that were taken out of one channel and stay in others. Its placement is gone; this says
-- why, for those who look for it. What came back by promotion has a placement again.

CREATE TABLE removals (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT removals_pkey PRIMARY KEY,
    package_id uuid NOT NULL CONSTRAINT removals_package_fkey REFERENCES packages ON DELETE CASCADE,
    product_id bigint NOT NULL CONSTRAINT removals_product_fkey REFERENCES products,
    channel    text NOT NULL,
    reason     text NOT NULL,
    -- User or label of the token.
    removed_by text NOT NULL,
    removed_at timestamptz NOT NULL
);
CREATE INDEX removals_package_idx ON removals (package_id);
CREATE INDEX removals_product_idx ON removals (product_id, removed_at DESC);
