SELECT c.page, u.name FROM clicks AS c JOIN users AS u ON c.usr = u.id; SELECT nope FROM clicks; SELECT * FROM busy WHERE n = 'a' + 1; MATCH
