-- Who may do what: vendors and their signing keys, API tokens, people and their sessions.

CREATE TABLE vendors (
    id           bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT vendors_pkey PRIMARY KEY,
    -- Short name used in URLs and on the command line.
    name         text NOT NULL CONSTRAINT vendors_name_key UNIQUE
                 CONSTRAINT vendors_name_form CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    display_name text NOT NULL,
    -- Where kABI breaks are announced.
    email        text NOT NULL,
    created_at   timestamptz NOT NULL
);

CREATE TABLE vendor_keys (
    id          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT vendor_keys_pkey PRIMARY KEY,
    vendor_id   bigint NOT NULL CONSTRAINT vendor_keys_vendor_fkey REFERENCES vendors ON DELETE CASCADE,
    -- Of the primary key, upper-case hex. One certificate belongs to one vendor.
    fingerprint text NOT NULL CONSTRAINT vendor_keys_fingerprint_key UNIQUE,
    user_id     text NOT NULL,
    armored     text NOT NULL,
    added_at    timestamptz NOT NULL
);
CREATE INDEX vendor_keys_vendor_idx ON vendor_keys (vendor_id);

-- Tokens are kept as SHA-256 of a random 256-bit secret: reading this table opens no door.
CREATE TABLE tokens (
    hash         bytea CONSTRAINT tokens_pkey PRIMARY KEY,
    label        text NOT NULL,
    -- NULL: a distributor's token.
    vendor_id    bigint CONSTRAINT tokens_vendor_fkey REFERENCES vendors ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz
);

CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY,
    name          text NOT NULL CONSTRAINT users_name_key UNIQUE
                  CONSTRAINT users_name_form CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,62}$'),
    -- Argon2id, PHC string.
    password_hash text NOT NULL,
    -- NULL: a distributor's user.
    vendor_id     bigint CONSTRAINT users_vendor_fkey REFERENCES vendors ON DELETE CASCADE,
    created_at    timestamptz NOT NULL
);

CREATE TABLE sessions (
    hash       bytea CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id    bigint NOT NULL CONSTRAINT sessions_user_fkey REFERENCES users ON DELETE CASCADE,
    csrf_token text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user_idx ON sessions (user_id);
