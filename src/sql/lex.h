/* The lexer: text to tokens, all at once, so that the parser can look ahead as far as it likes. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "sql/keyword.h"

typedef enum {
    LT_TOK_END,
    LT_TOK_BAD,    /* text that is no token: lt_lexed.bad says why; always followed by END */
    LT_TOK_WORD,   /* identifier or keyword without quotes; keyword is LT_KEYWORD_NOT for the former
                    */
    LT_TOK_QUOTED, /* identifier in back quotes */
    LT_TOK_STRING, /* '..' */
    LT_TOK_STRING_UNICODE, /* U&'..' */
    LT_TOK_STRING_ESCAPED, /* E'..' */
    LT_TOK_STRING_CHARSET, /* N'..' or _name'..' */
    LT_TOK_BINARY,         /* X'..' */
    LT_TOK_INTEGER,
    LT_TOK_DECIMAL,
    LT_TOK_DOUBLE,
    LT_TOK_HINT_BEGIN, /* slash, star, plus */
    LT_TOK_HINT_END,
    LT_TOK_LPAREN,
    LT_TOK_RPAREN,
    LT_TOK_LBRACKET,
    LT_TOK_RBRACKET,
    LT_TOK_LBRACE,
    LT_TOK_RBRACE,
    LT_TOK_SEMICOLON,
    LT_TOK_COMMA,
    LT_TOK_DOT,
    LT_TOK_STAR,
    LT_TOK_PLUS,
    LT_TOK_MINUS,
    LT_TOK_SLASH,
    LT_TOK_PERCENT,
    LT_TOK_CONCAT,
    LT_TOK_EQ,
    LT_TOK_NE,
    LT_TOK_BANG_EQ,
    LT_TOK_LT,
    LT_TOK_LE,
    LT_TOK_GT,
    LT_TOK_GE,
    LT_TOK_ARROW, /* => */
    LT_TOK_COLON,
    LT_TOK_QUESTION,
    LT_TOK_BAR,
    LT_TOK_CARET,
    LT_TOK_DOLLAR
} lt_token_kind;

typedef struct {
    uint8_t kind;     /* lt_token_kind */
    uint16_t keyword; /* lt_keyword of a WORD */
    uint32_t pos;
    uint32_t len;
} lt_token;

typedef struct {
    lt_token *items; /* the last one is END */
    uint32_t count;
    const char *bad; /* why the BAD token is bad; static text */
} lt_lexed;

/* Only LT_ERR_NOMEM and LT_ERR_LIMIT (text over 1 GiB); bad text becomes a BAD token, so that a
 * mistake before it is reported first. */
LT_NODISCARD lt_status lt_lex(lt_lexed *out, lt_arena *arena, lt_str text, lt_error *err);

/* The value of a string token without doubled quotes and escapes. False with *why set when it is
 * malformed, with *why NULL when out of memory. escape: of U&'..' (backslash when 0). */
bool lt_lex_string(lt_str *out, lt_arena *arena, const lt_token *token, lt_str text, char escape,
                   const char **why);

/* The name in back quotes. Points into text when it can; ptr NULL when out of memory. */
lt_str lt_lex_quoted(lt_arena *arena, const lt_token *token, lt_str text);
