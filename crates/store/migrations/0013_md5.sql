-- The MD5 of a large document, sealed: ABDM wants it with every page, and to compute it takes longer than all else that is
-- done with the document then. A record of before has none; it is computed when it is sent.

ALTER TABLE record ADD COLUMN bundle_md5 {bytes};
