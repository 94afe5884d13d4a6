/* Splits scripts into statements. Works on the raw text, with just enough of the lexical rules to
 * know what is quoted and what is a comment, so that a shell can use it on text that is not
 * complete yet. */
#include "base/assert.h"
#include "sql/keyword.h"
#include "sql/parse.h"

typedef enum { UNIT_END, UNIT_WORD, UNIT_SEMICOLON, UNIT_OTHER } unit_kind;

typedef struct {
    unit_kind kind;
    size_t start;
    size_t end;
} unit;

static char at(lt_str text, size_t pos)
{
    return pos < text.len ? text.ptr[pos] : '\0';
}

static bool is_word_char(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '_' || ch == '$' || (unsigned char)ch >= 0x80;
}

/* Behind the blanks and comments from pos on. A comment without end stays: it is the statement's.
 */
static size_t skip_space(lt_str text, size_t pos)
{
    for (;;) {
        char ch = at(text, pos);
        if (pos < text.len && (ch == ' ' || (ch >= '\t' && ch <= '\r'))) {
            pos++;
        } else if ((ch == '-' && at(text, pos + 1) == '-') ||
                   (ch == '/' && at(text, pos + 1) == '/')) {
            while (pos < text.len && text.ptr[pos] != '\n') {
                pos++;
            }
        } else if (ch == '/' && at(text, pos + 1) == '*' && at(text, pos + 2) != '+') {
            size_t end = pos + 2;
            while (end < text.len && (text.ptr[end] != '*' || at(text, end + 1) != '/')) {
                end++;
            }
            if (end >= text.len) {
                return pos;
            }
            pos = end + 2;
        } else {
            return pos;
        }
    }
}

/* Behind the quoted run whose quote is at pos. A doubled quote looks like two runs, which is as
 * good here. */
static size_t skip_quoted(lt_str text, size_t pos, bool backslash)
{
    char quote = text.ptr[pos];
    for (pos++; pos < text.len; pos++) {
        if (backslash && text.ptr[pos] == '\\') {
            pos++;
        } else if (text.ptr[pos] == quote) {
            return pos + 1;
        }
    }
    return text.len;
}

static unit next_unit(lt_str text, size_t pos)
{
    unit out = {.start = skip_space(text, pos)};
    out.end = out.start;
    if (out.start >= text.len) {
        out.kind = UNIT_END;
        return out;
    }
    char ch = text.ptr[out.start];
    bool escaped = (ch == 'e' || ch == 'E') && at(text, out.start + 1) == '\'';
    out.kind = UNIT_OTHER;
    if (ch == '/' && at(text, out.start + 1) == '*' && at(text, out.start + 2) != '+') {
        out.end = text.len;
    } else if (escaped) {
        out.end = skip_quoted(text, out.start + 1, true);
    } else if (is_word_char(ch)) {
        out.kind = UNIT_WORD;
        while (is_word_char(at(text, out.end))) {
            out.end++;
        }
    } else if (ch == '\'' || ch == '`') {
        out.end = skip_quoted(text, out.start, false);
    } else {
        out.kind = ch == ';' ? UNIT_SEMICOLON : UNIT_OTHER;
        out.end = out.start + 1;
    }
    return out;
}

/* Where the splitter is in a statement. */
typedef struct {
    uint32_t units;     /* so far */
    lt_keyword last[2]; /* the last two words, the later one first */
    bool begin_set;     /* starts with BEGIN STATEMENT SET */
    bool in_set;        /* inside a statement set: `;` separates its parts */
    bool at_start;      /* of a part of the set */
} state;

static void see(state *st, lt_keyword word)
{
    bool set = word == LT_KW_SET && st->last[0] == LT_KW_STATEMENT;
    if (set && st->units == 2 && st->last[1] == LT_KW_BEGIN) {
        st->begin_set = true;
    }
    if (word == LT_KW_BEGIN && st->last[0] == LT_KW_SET && st->last[1] == LT_KW_STATEMENT) {
        st->in_set = true;
        st->at_start = true;
    } else if (st->in_set && st->at_start && word == LT_KW_END) {
        st->in_set = false;
    } else {
        st->at_start = false;
    }
    st->last[1] = st->last[0];
    st->last[0] = word;
    st->units++;
}

/* True when this `;` ends the statement. */
static bool ends(state *st)
{
    if (st->begin_set && st->units == 3) {
        st->in_set = true;
    }
    st->at_start = st->in_set;
    st->units++;
    return !st->in_set;
}

static uint32_t count_lines(lt_str text, size_t from, size_t to)
{
    uint32_t lines = 0;
    for (size_t i = from; i < to; i++) {
        lines += text.ptr[i] == '\n' ? 1 : 0;
    }
    return lines;
}

bool lt_sql_next(lt_sql_script *script, lt_sql_piece *out)
{
    lt_str text = script->text;
    unit first = next_unit(text, script->offset);
    while (first.kind == UNIT_SEMICOLON) {
        first = next_unit(text, first.end);
    }
    script->lines += count_lines(text, script->offset, first.start);
    script->offset = first.start;
    if (first.kind == UNIT_END) {
        return false;
    }
    state st = {.last = {LT_KEYWORD_NOT, LT_KEYWORD_NOT}};
    unit part = first;
    size_t end = first.end;
    bool terminated = false;
    for (; part.kind != UNIT_END; part = next_unit(text, part.end)) {
        if (part.kind == UNIT_SEMICOLON && ends(&st)) {
            terminated = true;
            break;
        }
        if (part.kind != UNIT_SEMICOLON) {
            lt_str word = {text.ptr + part.start, part.end - part.start};
            see(&st, part.kind == UNIT_WORD ? lt_keyword_find(word) : LT_KEYWORD_NOT);
        }
        end = part.end;
    }
    out->text = (lt_str){text.ptr + first.start, end - first.start};
    out->offset = (uint32_t)first.start;
    out->line = script->lines + 1;
    out->terminated = terminated;
    script->lines += count_lines(text, first.start, part.end);
    script->offset = part.end;
    return true;
}
