-- Repositories of others whose drivers are offered beside our own: read on a schedule, never copied.

CREATE TABLE sources (
    id            uuid CONSTRAINT sources_pkey PRIMARY KEY,
    -- Who answers for it.
    vendor_id     bigint NOT NULL CONSTRAINT sources_vendor_fkey REFERENCES vendors ON DELETE CASCADE,
    product_id    bigint NOT NULL CONSTRAINT sources_product_fkey REFERENCES products,
    -- The folder above `repodata`, with a slash at its end.
    url           text NOT NULL,
    -- Armored; must have signed repomd.xml, and signs the packages.
    key           text NOT NULL,
    fingerprints  text[] NOT NULL,
    created_at    timestamptz NOT NULL,
    -- Who let it be offered, and when. NULL: read, but offered to nobody yet.
    approved_by   text,
    approved_at   timestamptz,
    -- When it is to be read again; a reader moves it ahead of itself.
    read_at       timestamptz NOT NULL,
    -- Last time that it was found whole and rightly signed, be it unchanged.
    good_at       timestamptz,
    -- Of the answer to the last good question for repomd.xml.
    etag          text,
    last_modified text,
    -- What is wrong since the last good time, and how often in a row it was.
    fault         text,
    failures      integer NOT NULL DEFAULT 0,
    -- The fault is one of trust (signature, key, digest): nothing of it is offered until mended.
    is_distrusted boolean NOT NULL DEFAULT false,
    CONSTRAINT sources_url_key UNIQUE (product_id, url),
    CONSTRAINT sources_approval CHECK ((approved_at IS NULL) = (approved_by IS NULL))
);
CREATE INDEX sources_due_idx ON sources (read_at);

-- Driver packages of the last good reading.
CREATE TABLE source_packages (
    id        bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT source_packages_pkey PRIMARY KEY,
    source_id uuid NOT NULL CONSTRAINT source_packages_source_fkey REFERENCES sources ON DELETE CASCADE,
    -- Digest of the file, as the metadata tells.
    pkgid     text NOT NULL,
    name      text NOT NULL,
    epoch     integer NOT NULL,
    version   text NOT NULL,
    release   text NOT NULL,
    arch      text NOT NULL,
    summary   text NOT NULL,
    license   text NOT NULL,
    location  text NOT NULL,
    size      bigint NOT NULL,
    -- Hardware it names.
    aliases   text[] NOT NULL,
    -- Symbols it requires of kernels, in parallel arrays; the flavor is empty where none is named.
    flavors   text[] NOT NULL,
    symbols   text[] NOT NULL,
    crcs      bigint[] NOT NULL,
    -- It also needs symbols that other packages of the source provide.
    needs_others boolean NOT NULL,
    -- `uname -r` that it is bound to, if it is.
    releases  text[] NOT NULL,
    CONSTRAINT source_packages_pkgid_key UNIQUE (source_id, pkgid, location)
);

-- What its metadata tells of a package on a kernel. Kernels under embargo are left out: nobody else
-- is to learn of them by a repository that is not ours.
CREATE TABLE source_verdicts (
    package_id bigint NOT NULL
               CONSTRAINT source_verdicts_package_fkey REFERENCES source_packages ON DELETE CASCADE,
    kernel_id  uuid NOT NULL CONSTRAINT source_verdicts_kernel_fkey REFERENCES kernels ON DELETE CASCADE,
    verdict    text NOT NULL,
    -- Symbols that are missing or have another version: how many, and the first of them.
    missing    integer NOT NULL,
    examples   text[] NOT NULL,
    CONSTRAINT source_verdicts_pkey PRIMARY KEY (package_id, kernel_id)
);
CREATE INDEX source_verdicts_kernel_idx ON source_verdicts (kernel_id);
