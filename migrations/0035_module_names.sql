-- A kernel knows one module of a name, and so does a machine that finds modules by name: two packages
-- that bring one each cannot stand beside each other. The name is that of the file, spelled as the
-- kernel does.
ALTER TABLE modules ADD COLUMN name text NOT NULL GENERATED ALWAYS AS (
    replace(regexp_replace(path, '^.*/|\.ko(\.(gz|xz|zst|bz2))?$', '', 'g'), '-', '_')
) STORED;
CREATE INDEX modules_name_idx ON modules (name, package_id);
