CREATE EXTENSION btree_gist; CREATE EXTENSION vector;
CREATE TABLE emp (id int, valid daterange, PRIMARY KEY (id, valid WITHOUT OVERLAPS), name text NOT NULL);
CREATE TABLE assignment (emp_id int NOT NULL, during daterange NOT NULL, FOREIGN KEY (emp_id, PERIOD during) REFERENCES emp (id, PERIOD valid));
CREATE TABLE nnd (id serial PRIMARY KEY, a int, b text, UNIQUE NULLS NOT DISTINCT (a), UNIQUE NULLS NOT DISTINCT (a, b));
CREATE TABLE nen (id int PRIMARY KEY, v int CONSTRAINT c CHECK (v > 5) NOT ENFORCED, e int, FOREIGN KEY (e) REFERENCES nnd NOT ENFORCED);
CREATE TABLE virt (a int NOT NULL, b int GENERATED ALWAYS AS (a + 1), CHECK (b > 5), c text GENERATED ALWAYS AS (lower('X' || a::text)) STORED NOT NULL);
CREATE TABLE ruled (id int PRIMARY KEY, v text); CREATE RULE r AS ON INSERT TO ruled DO ALSO INSERT INTO virt VALUES (1);
CREATE TABLE emb (id int, v vector(3) NOT NULL, w vector);
CREATE TABLE coarse (id int PRIMARY KEY, c numeric(5,-2));
