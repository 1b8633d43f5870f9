-- Kernels are added up from parts, come in revisions, and may bring what their distributor says of
-- single symbols.

ALTER TABLE kernels
    -- Counts the ABIs that one release has had, from 1. The highest is the one in force.
    ADD revision   integer NOT NULL DEFAULT 1,
    -- What none of its sources told.
    ADD unknown    text[] NOT NULL DEFAULT '{}',
    -- kabi/severities and the list of stable symbols, as their files are.
    ADD severities text,
    ADD stablelist text;

UPDATE kernels k SET revision = counted.number
FROM (SELECT id, row_number() OVER (PARTITION BY product_id, arch, flavor, release
                                    ORDER BY created_at, id) AS number
      FROM kernels) counted
WHERE counted.id = k.id;

ALTER TABLE kernels
    ADD CONSTRAINT kernels_revision_key UNIQUE (product_id, arch, flavor, release, revision);
-- Kernels of equal ABI, whatever their release.
CREATE INDEX kernels_content_idx ON kernels (content_hash);

-- Sources that a kernel was added up from.
CREATE TABLE kernel_parts (
    kernel_id    uuid NOT NULL CONSTRAINT kernel_parts_kernel_fkey REFERENCES kernels ON DELETE CASCADE,
    position     integer NOT NULL,
    -- `symvers`, `rpm`, `deb`, `primary`, `image`, `modules`.
    kind         text NOT NULL,
    -- The package's name; the file's where it is no package.
    name         text NOT NULL,
    -- `version-release` of a package.
    build        text,
    -- NEVRA or file name.
    label        text NOT NULL,
    -- Of the whole file; NULL where metadata does not say it.
    sha256       bytea,
    symbols      integer NOT NULL,
    modules      integer NOT NULL,
    added_at     timestamptz NOT NULL,
    CONSTRAINT kernel_parts_pkey PRIMARY KEY (kernel_id, position)
);

-- Repositories whose kernels are being registered, or were.
CREATE TABLE kernel_repositories (
    id          uuid CONSTRAINT kernel_repositories_pkey PRIMARY KEY,
    product_id  bigint NOT NULL CONSTRAINT kernel_repositories_product_fkey REFERENCES products,
    url         text NOT NULL,
    -- What was asked for beside the address.
    wish        jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    -- What came of it, once finished.
    outcome     jsonb
);
