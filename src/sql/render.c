/* Errors for people: the line of the source and a caret under the place. */
#include "sql/parse.h"

#define SHOWN_BEFORE 100 /* bytes of the line before the place */
#define SHOWN_AFTER  60

static bool is_continuation(char ch)
{
    return ((unsigned char)ch & 0xC0) == 0x80;
}

void lt_sql_position(lt_str sql, size_t offset, uint32_t *line, uint32_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < sql.len && i < offset; i++) {
        if (sql.ptr[i] == '\n') {
            (*line)++;
            *column = 1;
        } else if (!is_continuation(sql.ptr[i])) {
            (*column)++;
        }
    }
}

/* The part of the line around offset that is shown. */
static lt_str excerpt(lt_str sql, size_t offset)
{
    size_t from = offset;
    size_t to = offset;
    while (from > 0 && sql.ptr[from - 1] != '\n' &&
           (offset - from < SHOWN_BEFORE || is_continuation(sql.ptr[from]))) {
        from--;
    }
    while (to < sql.len && sql.ptr[to] != '\n' && sql.ptr[to] != '\r' &&
           (to - offset < SHOWN_AFTER || is_continuation(sql.ptr[to]))) {
        to++;
    }
    return (lt_str){sql.ptr + from, to - from};
}

static void source(lt_str sql, size_t offset, lt_text *to)
{
    uint32_t line = 0;
    uint32_t column = 0;
    lt_sql_position(sql, offset, &line, &column);
    lt_str shown = excerpt(sql, offset);
    size_t before = (size_t)(sql.ptr + offset - shown.ptr);
    lt_text_printf(to, "line %u, column %u\n", (unsigned)line, (unsigned)column);
    size_t start = to->len;
    lt_text_printf(to, "%5u | ", (unsigned)line);
    size_t margin = to->len - start;
    lt_text_append(to, shown.ptr, shown.len);
    lt_text_putc(to, '\n');
    for (size_t i = 0; i + 2 < margin; i++) {
        lt_text_putc(to, ' ');
    }
    lt_text_puts(to, "| ");
    for (size_t i = 0; i < before; i++) {
        if (!is_continuation(shown.ptr[i])) {
            lt_text_putc(to, shown.ptr[i] == '\t' ? '\t' : ' ');
        }
    }
    lt_text_puts(to, "^\n");
}

void lt_sql_error_render(const lt_error *err, lt_str sql, lt_text *to)
{
    lt_text_puts(to, err->text);
    if (err->has_sql_pos) {
        size_t offset = err->sql_pos < sql.len ? err->sql_pos : sql.len;
        lt_text_puts(to, "\nat ");
        source(sql, offset, to);
    } else {
        lt_text_putc(to, '\n');
    }
    if (err->hint[0] != '\0') {
        lt_text_printf(to, "hint: %s\n", err->hint);
    }
}
