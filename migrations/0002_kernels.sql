-- Products and the kernels registered for them.

CREATE TABLE products (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT products_pkey PRIMARY KEY,
    name            text NOT NULL CONSTRAINT products_name_key UNIQUE
                    CONSTRAINT products_name_form CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    display_name    text NOT NULL,
    family          text NOT NULL CONSTRAINT products_family_known CHECK (family IN ('suse', 'redhat')),
    arches          text[] NOT NULL,
    flavors         text[] NOT NULL,
    channels        text[] NOT NULL,
    default_channel text NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT products_default_channel_listed CHECK (default_channel = ANY (channels))
);

CREATE TABLE kernels (
    id               uuid CONSTRAINT kernels_pkey PRIMARY KEY,
    product_id       bigint NOT NULL CONSTRAINT kernels_product_fkey REFERENCES products,
    arch             text NOT NULL,
    flavor           text NOT NULL,
    -- `uname -r`.
    release          text NOT NULL,
    status           text NOT NULL CONSTRAINT kernels_status_known
                     CHECK (status IN ('preview', 'released', 'retired')),
    release_date     date,
    -- SHA-256 over the sorted exports: equal hash, equal ABI.
    content_hash     bytea NOT NULL,
    modversions      boolean NOT NULL,
    vermagic_tail    text,
    this_module_size bigint,
    symbol_count     integer NOT NULL,
    -- Canonical symvers text, zstd.
    symvers          bytea NOT NULL,
    created_at       timestamptz NOT NULL,
    -- Every published package has its verdict.
    judged_at        timestamptz,
    CONSTRAINT kernels_identity_key UNIQUE (product_id, arch, flavor, release, content_hash)
);
