SELECT `a``b`, _utf8'x', 'a' 'b', /* c */ 1 -- d
, 'unterminated
