-- The first reasons of a verdict as bytes of `kabi::reasons::pack`, some 30 bytes each: as JSON, those
-- of ten thousand packages took longer to store than to find. Earlier ones stay JSON behind a zero
-- byte, and are read as before, until their package is judged again.
ALTER TABLE verdicts RENAME modules TO reasons;
ALTER TABLE verdicts ALTER reasons TYPE bytea
    USING '\x00'::bytea || convert_to(reasons::text, 'UTF8');
