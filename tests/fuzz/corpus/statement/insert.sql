INSERT INTO sink SELECT page, COUNT(*) FROM clicks WHERE page LIKE 'a%' GROUP BY page;
EXECUTE STATEMENT SET BEGIN INSERT INTO sink SELECT page, 1 FROM clicks; INSERT INTO sink (n) VALUES (1), (2 + 3); END;
INSERT INTO sink /*+ OPTIONS('error.policy' = 'skip') */ SELECT name, id FROM users UNION ALL SELECT page, usr FROM clicks;
