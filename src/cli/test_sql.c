/* A glance at statements of a user's file: where they end, what they write to, and CREATE TABLE
 * with other options. The engine parses; what is overlooked here is refused there. */
#include "cli/scan.h"
#include "cli/test_int.h"

static bool is_word(const lt_scan *scan, const char *word)
{
    return scan->kind == LT_SCAN_WORD && lt_str_eq_ci(scan->text, lt_str_of(word));
}

static bool is_sign(const lt_scan *scan, char sign)
{
    return scan->kind == LT_SCAN_SIGN && scan->text.ptr[0] == sign;
}

bool lt_test_next_statement(lt_str script, size_t *at, lt_str *piece)
{
    lt_scan scan = {.sql = script, .at = *at};
    size_t start = *at;
    size_t words = 0;
    bool in_set = false;
    bool any = false;
    while (lt_scan_next(&scan)) {
        if (is_sign(&scan, ';') && !in_set) {
            if (any) {
                break;
            }
            start = scan.at;
            continue;
        }
        any = true;
        words++;
        /* EXECUTE STATEMENT SET BEGIN .. END; BEGIN STATEMENT SET; is refused by the engine in a
         * script. */
        in_set = (in_set || (words == 4 && is_word(&scan, "begin"))) && !is_word(&scan, "end");
    }
    *at = scan.at;
    size_t end = any && scan.kind == LT_SCAN_SIGN && is_sign(&scan, ';') ? scan.at - 1 : scan.at;
    *piece = lt_str_trim((lt_str){script.ptr + start, end - start});
    return any;
}

bool lt_test_is_ddl(lt_str sql)
{
    static const char *const verbs[] = {"create", "drop", "alter", "set",
                                        "reset",  "use",  "load",  "unload"};
    lt_str verb = lt_scan_verb(sql, 0, NULL);
    for (size_t i = 0; i < LT_COUNT_OF(verbs); i++) {
        if (verb.ptr != NULL && lt_str_eq_ci(verb, lt_str_of(verbs[i]))) {
            return true;
        }
    }
    return false;
}

/* The last part of a dotted name whose first part is the scan's token. */
static lt_str last_part(lt_scan *scan)
{
    lt_str name = scan->text;
    lt_scan peek = *scan;
    while (lt_scan_next(&peek) && is_sign(&peek, '.') && lt_scan_next(&peek)) {
        name = peek.text;
        *scan = peek;
    }
    return name;
}

bool lt_test_next_target(lt_str sql, size_t *at, lt_str *table)
{
    lt_scan scan = {.sql = sql, .at = *at};
    bool after_insert = false;
    while (lt_scan_next(&scan)) {
        bool opens = after_insert && (is_word(&scan, "into") || is_word(&scan, "overwrite"));
        after_insert = is_word(&scan, "insert");
        if (opens && lt_scan_next(&scan)) {
            *table = last_part(&scan);
            *at = scan.at;
            return true;
        }
    }
    *at = scan.at;
    return false;
}

/* Stands behind the name on success. */
static bool scan_created(lt_scan *scan, lt_str *table)
{
    if (!lt_scan_next(scan) || !is_word(scan, "create") || !lt_scan_next(scan)) {
        return false;
    }
    if (is_word(scan, "temporary") && !lt_scan_next(scan)) {
        return false;
    }
    if (!is_word(scan, "table") || !lt_scan_next(scan)) {
        return false;
    }
    if (is_word(scan, "if")) {
        bool more =
            lt_scan_next(scan) && lt_scan_next(scan) && lt_scan_next(scan); /* NOT EXISTS name */
        if (!more) {
            return false;
        }
    }
    *table = last_part(scan);
    return true;
}

bool lt_test_created_table(lt_str sql, lt_str *table)
{
    lt_scan scan = {.sql = sql};
    return scan_created(&scan, table);
}

/* Moves behind the parenthesis that closes the next one. */
static void skip_parentheses(lt_scan *scan)
{
    uint32_t depth = 0;
    while (lt_scan_next(scan)) {
        if (is_sign(scan, '(')) {
            depth++;
        } else if (is_sign(scan, ')') && --depth == 0) {
            return;
        }
    }
}

char *lt_test_with_options(lt_arena *arena, lt_str sql, const char *options)
{
    lt_scan scan = {.sql = sql};
    lt_str name;
    if (!scan_created(&scan, &name)) {
        return NULL;
    }
    lt_scan peek = scan;
    if (lt_scan_next(&peek) && is_sign(&peek, '(')) {
        skip_parentheses(&scan);
    }
    size_t keep_to = scan.at; /* name and columns */
    size_t rest_from = scan.at;
    while (lt_scan_next(&scan)) {
        if (is_word(&scan, "with") || is_word(&scan, "partitioned")) {
            skip_parentheses(&scan);
            rest_from = scan.at;
        } else if (is_word(&scan, "like") || is_word(&scan, "as") || is_sign(&scan, ';')) {
            break;
        }
    }
    return lt_arena_printf(arena, "%.*s WITH (%s)%.*s", (int)keep_to, sql.ptr, options,
                           (int)(sql.len - rest_from), sql.ptr + rest_from);
}
