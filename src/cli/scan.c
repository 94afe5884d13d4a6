/* Tokens: words, quoted names, strings, single signs. Unclosed quotes and comments end with the
 * text. */
#include "cli/scan.h"

static bool is_word_byte(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '_' || ch == '$' || (unsigned char)ch >= 0x80;
}

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r' || ch == '\f' || ch == '\v';
}

static bool two_at(const lt_scan *scan, const char *two)
{
    return scan->at + 1 < scan->sql.len && scan->sql.ptr[scan->at] == two[0] &&
           scan->sql.ptr[scan->at + 1] == two[1];
}

static void skip_blanks(lt_scan *scan)
{
    while (scan->at < scan->sql.len) {
        if (is_blank(scan->sql.ptr[scan->at])) {
            scan->at++;
        } else if (two_at(scan, "--")) {
            while (scan->at < scan->sql.len && scan->sql.ptr[scan->at] != '\n') {
                scan->at++;
            }
        } else if (two_at(scan, "/*")) {
            scan->at += 2;
            while (scan->at < scan->sql.len && !two_at(scan, "*/")) {
                scan->at++;
            }
            scan->at = scan->at + 2 <= scan->sql.len ? scan->at + 2 : scan->sql.len;
        } else {
            return;
        }
    }
}

static void take_quoted(lt_scan *scan, char quote)
{
    size_t start = ++scan->at;
    while (scan->at < scan->sql.len) {
        if (scan->sql.ptr[scan->at] != quote) {
            scan->at++;
        } else if (scan->at + 1 < scan->sql.len && scan->sql.ptr[scan->at + 1] == quote) {
            scan->at += 2;
        } else {
            break;
        }
    }
    scan->kind = quote == '\'' ? LT_SCAN_STRING : LT_SCAN_QUOTED;
    scan->text = (lt_str){scan->sql.ptr + start, scan->at - start};
    scan->at += scan->at < scan->sql.len ? 1 : 0;
}

bool lt_scan_next(lt_scan *scan)
{
    skip_blanks(scan);
    if (scan->at >= scan->sql.len) {
        scan->kind = LT_SCAN_END;
        scan->text = (lt_str){NULL, 0};
        return false;
    }
    size_t start = scan->at;
    char first = scan->sql.ptr[start];
    if (first == '\'' || first == '`') {
        take_quoted(scan, first);
        return true;
    }
    scan->kind = is_word_byte(first) ? LT_SCAN_WORD : LT_SCAN_SIGN;
    do {
        scan->at++;
    } while (scan->kind == LT_SCAN_WORD && scan->at < scan->sql.len &&
             is_word_byte(scan->sql.ptr[scan->at]));
    scan->text = (lt_str){scan->sql.ptr + start, scan->at - start};
    return true;
}

static bool is_word(const lt_scan *scan, const char *word)
{
    return scan->kind == LT_SCAN_WORD && lt_str_eq_ci(scan->text, lt_str_of(word));
}

static bool is_sign(const lt_scan *scan, char sign)
{
    return scan->kind == LT_SCAN_SIGN && scan->text.ptr[0] == sign;
}

lt_str lt_scan_setting(lt_str sql, const char *key)
{
    lt_scan scan = {.sql = sql};
    lt_str value = {NULL, 0};
    bool at_start = true;
    while (lt_scan_next(&scan)) {
        bool is_set = at_start && is_word(&scan, "set");
        bool is_reset = at_start && is_word(&scan, "reset");
        at_start = is_sign(&scan, ';');
        if (!is_set && !is_reset) {
            continue;
        }
        lt_scan peek = scan;
        bool is_all = !lt_scan_next(&peek) || is_sign(&peek, ';');
        bool is_key = peek.kind == LT_SCAN_STRING && lt_str_eq(peek.text, lt_str_of(key));
        if (is_reset && (is_all || is_key)) {
            value = (lt_str){NULL, 0};
        } else if (is_set && is_key && lt_scan_next(&peek) && is_sign(&peek, '=') &&
                   lt_scan_next(&peek) && peek.kind == LT_SCAN_STRING) {
            value = peek.text;
        }
    }
    return value;
}

bool lt_scan_table(lt_scan *scan)
{
    while (lt_scan_next(scan)) {
        if (!is_word(scan, "from") && !is_word(scan, "join")) {
            continue;
        }
        lt_scan peek = *scan;
        if (lt_scan_next(&peek) && (peek.kind == LT_SCAN_STRING || peek.kind == LT_SCAN_WORD ||
                                    peek.kind == LT_SCAN_QUOTED)) {
            /* FROM TABLE(TUMBLE(TABLE t ..)) and FROM TUMBLE(TABLE t ..) name it later. */
            lt_scan after = peek;
            bool is_call = lt_scan_next(&after) && is_sign(&after, '(');
            if (!is_call) {
                *scan = peek;
                return true;
            }
            while (lt_scan_next(&after) && !is_sign(&after, ';')) {
                if (is_word(&after, "table") && lt_scan_next(&after) && !is_sign(&after, '(')) {
                    *scan = after;
                    return true;
                }
            }
        }
    }
    return false;
}

lt_str lt_scan_verb(lt_str sql, size_t offset, lt_str *second)
{
    lt_scan scan = {.sql = sql, .at = offset};
    lt_str first = {NULL, 0};
    while (lt_scan_next(&scan)) {
        if (scan.kind == LT_SCAN_WORD) {
            first = scan.text;
            break;
        }
    }
    bool found = first.ptr != NULL && lt_scan_next(&scan) && scan.kind == LT_SCAN_WORD;
    if (second != NULL) {
        *second = found ? scan.text : (lt_str){NULL, 0};
    }
    return first;
}
