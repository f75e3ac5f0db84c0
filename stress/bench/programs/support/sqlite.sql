-- The work of sqlite.sh, on an empty database. @ROWS@ is the number of orders. No pragma here may
-- print anything, and every query has one right answer.
PRAGMA synchronous = off;
PRAGMA temp_store = memory;

CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @ROWS@ / 20)
INSERT INTO customer SELECT i,
	printf('%s %x', substr('annabertacarldoraemilfritzgustavhanna', 1 + i * 7 % 30, 3 + i % 6), i * 2654435761 % 1048576),
	printf('city %d', i * i % 97)
FROM n;

CREATE TABLE purchase(id INTEGER PRIMARY KEY, customer INTEGER, day INTEGER, amount INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @ROWS@)
INSERT INTO purchase SELECT i, 1 + i * 40503 % (@ROWS@ / 20), i * 7919 % 365, i * 104729 % 10007,
	hex(printf('%d-%d', i, i * i % 1000003)) || substr('the quick brown fox jumps over the lazy dog', 1 + i % 20, i % 23)
FROM n;

CREATE INDEX purchase_by_customer ON purchase(customer, day);
CREATE INDEX purchase_by_note ON purchase(note);

SELECT count(*), sum(amount), count(DISTINCT customer) FROM purchase;
SELECT city, count(*), sum(amount) FROM customer JOIN purchase ON customer.id = purchase.customer
GROUP BY city ORDER BY 3 DESC, 1 LIMIT 5;
SELECT sum(best) FROM (SELECT max(amount) AS best FROM purchase GROUP BY customer, day / 30);
SELECT sum(rank * amount) FROM (SELECT amount, row_number()
	OVER (PARTITION BY customer ORDER BY day, amount, id) AS rank FROM purchase);
SELECT length(group_concat(note, ';')) FROM (SELECT note FROM purchase ORDER BY note LIMIT 20000);

-- JSON built row by row and taken apart again.
SELECT sum(json_extract(j, '$.a')), sum(json_array_length(j, '$.list')) FROM (SELECT
	json_object('a', amount, 'n', note, 'list', json_array(day, id, customer)) AS j FROM purchase);

-- Strings that grow and shrink in place.
UPDATE purchase SET note = note || ' ' || note WHERE id % 3 = 0;
UPDATE purchase SET note = substr(note, 3, 20), day = day + 1 WHERE id % 5 = 0;
DELETE FROM purchase WHERE id % 7 = 0;
SELECT count(*), sum(length(note)), sum(day) FROM purchase;

CREATE VIRTUAL TABLE text USING fts5(body);
INSERT INTO text SELECT printf('%s lives in %s since %d and bought %d things', name, city, id % 100, id % 13)
FROM customer, (SELECT 1 UNION SELECT 2 UNION SELECT 3);
SELECT count(*) FROM text WHERE text MATCH 'city AND 42 NOT 7';
SELECT count(*) FROM text WHERE text MATCH '"lives in" AND em*';

WITH RECURSIVE walk(id, depth) AS (
	SELECT 1, 0
	UNION
	SELECT 1 + (id * 5 + depth) % (@ROWS@ / 20), depth + 1 FROM walk WHERE depth < @ROWS@ / 2)
SELECT count(*), max(id) FROM walk;
SELECT count(*) FROM (SELECT note FROM purchase WHERE day < 200 INTERSECT SELECT note FROM purchase WHERE day > 100);
VACUUM;
PRAGMA integrity_check;
