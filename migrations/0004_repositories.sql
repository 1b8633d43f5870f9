-- Published repositories: one per product, channel and arch; immutable numbered generations.

CREATE TABLE repositories (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT repositories_pkey PRIMARY KEY,
    product_id bigint NOT NULL CONSTRAINT repositories_product_fkey REFERENCES products,
    channel    text NOT NULL,
    arch       text NOT NULL,
    -- The generation clients see; NULL before the first.
    current    bigint,
    CONSTRAINT repositories_identity_key UNIQUE (product_id, channel, arch)
);

-- A row exists only when all files of the generation are on disk and were read back.
CREATE TABLE generations (
    repository_id bigint NOT NULL CONSTRAINT generations_repository_fkey REFERENCES repositories,
    number        bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    package_count integer NOT NULL,
    -- The three small files, always of one generation.
    repomd        bytea NOT NULL,
    signature     text NOT NULL,
    -- Locations of the data files below the repository's root.
    files         text[] NOT NULL,
    CONSTRAINT generations_pkey PRIMARY KEY (repository_id, number)
);

-- Which package is in which generations: from `added` on, until before `removed`.
CREATE TABLE repository_packages (
    repository_id bigint NOT NULL CONSTRAINT repository_packages_repository_fkey REFERENCES repositories,
    package_id    uuid NOT NULL CONSTRAINT repository_packages_package_fkey REFERENCES packages,
    added         bigint NOT NULL,
    removed       bigint,
    CONSTRAINT repository_packages_pkey PRIMARY KEY (repository_id, package_id, added)
);
CREATE INDEX repository_packages_package_idx ON repository_packages (package_id);
