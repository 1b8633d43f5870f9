-- What the metadata of repositories says of support.

ALTER TABLE products
    -- Levels and licences by vendor, for susedata; NULL: the product wants none.
    ADD COLUMN support jsonb;

ALTER TABLE generations
    -- SHA-256 of what susedata says of each package, to see when that changed; NULL: there is none.
    ADD COLUMN support bytea;
