-- Tables of an owner's own that point at tables of the pack: whoever changes or deletes a row there reaches their triggers.

SET search_path = pg_catalog;

CREATE TABLE SCHEMA.own_child (user_id uuid REFERENCES SCHEMA.users ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE SCHEMA.own_mail (email varchar(255) REFERENCES SCHEMA.users (email) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO SCHEMA.own_child SELECT id FROM SCHEMA.users;
INSERT INTO SCHEMA.own_mail SELECT email FROM SCHEMA.users;
