/* Inference from CSV: the delimiter, whether the first line is a header, and the columns' types. */
#include <stdio.h>
#include <string.h>

#include "connector/infer_int.h"

#define SNIFF_RECORDS 200
#define CELL_MAX      256 /* longer cells are strings anyway */

typedef struct {
    lt_str rest;
    char delimiter;
    bool whole;
} csv_reader;

/* Reads one cell. *last: it ends the record. false: the sample ends inside it. */
static bool read_cell(csv_reader *r, char *to, size_t *len, bool *quoted, bool *last)
{
    size_t at = 0;
    bool inside = false;
    *len = 0;
    *quoted = r->rest.len > 0 && r->rest.ptr[0] == '"';
    if (*quoted) {
        inside = true;
        at = 1;
    }
    for (; at < r->rest.len; at++) {
        char ch = r->rest.ptr[at];
        if (inside && ch == '"') {
            if (at + 1 < r->rest.len && r->rest.ptr[at + 1] == '"') {
                at++;
            } else {
                inside = false;
                continue;
            }
        } else if (!inside && (ch == r->delimiter || ch == '\n')) {
            *last = ch == '\n';
            r->rest = (lt_str){r->rest.ptr + at + 1, r->rest.len - at - 1};
            return true;
        }
        if (*len < CELL_MAX) {
            to[(*len)++] = ch;
        }
    }
    *last = true;
    r->rest = (lt_str){r->rest.ptr + at, 0};
    return r->whole;
}

static lt_str cell_text(const char *cell, size_t len, bool last)
{
    if (last && len > 0 && cell[len - 1] == '\r') {
        len--;
    }
    return (lt_str){cell, len};
}

/* Cells of the next record; 0 at the end. */
static uint32_t count_cells(csv_reader *r)
{
    char cell[CELL_MAX];
    size_t len;
    bool quoted;
    bool last = false;
    uint32_t count = 0;
    while (!last && r->rest.len > 0) {
        if (!read_cell(r, cell, &len, &quoted, &last)) {
            return 0;
        }
        count++;
    }
    return count;
}

/* The delimiter with which most records have as many cells as the first, at least two. */
static char find_delimiter(lt_str sample, bool whole)
{
    static const char candidates[] = {',', ';', '\t', '|'};
    char best = ',';
    uint64_t best_score = 0;
    for (size_t i = 0; i < sizeof candidates; i++) {
        csv_reader r = {sample, candidates[i], whole};
        uint32_t width = count_cells(&r);
        uint32_t same = 1;
        uint32_t records = 1;
        for (uint32_t cells; width > 1 && records < SNIFF_RECORDS && (cells = count_cells(&r)) > 0;
             records++) {
            same += cells == width;
        }
        uint64_t score =
            width > 1 ? (uint64_t)same * 1000 / records * 10000 + LT_MIN(width, 9999U) : 0;
        if (score > best_score) {
            best_score = score;
            best = candidates[i];
        }
    }
    return best;
}

static unsigned cell_kind(lt_str text, bool quoted)
{
    if (text.len == 0) {
        return quoted ? LT_SEEN_TEXT : 0;
    }
    if (lt_str_eq_ci(text, LT_STR("true")) || lt_str_eq_ci(text, LT_STR("false"))) {
        return LT_SEEN_BOOL;
    }
    unsigned kind = text.len < CELL_MAX ? lt_seen_number(text) : LT_SEEN_TEXT;
    return kind != LT_SEEN_TEXT ? kind : lt_seen_text(text);
}

static bool is_identifier(lt_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        bool letter =
            (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || (ch & 0x80) != 0;
        bool other = (ch >= '0' && ch <= '9') || ch == ' ' || ch == '-' || ch == '.';
        if (!letter && !(i > 0 && other)) {
            return false;
        }
    }
    return text.len > 0;
}

typedef struct {
    lt_str first; /* the first record's cell */
    unsigned first_kind;
    unsigned kinds; /* of the records after it */
    bool repeats;   /* the first record's cell came again */
} csv_column;

/* Notes the next record's cells. Gives their number, 0 at the end of the sample. */
static uint32_t note_record(csv_reader *r, csv_column *columns, uint32_t cap, bool first,
                            lt_arena *arena, bool *failed)
{
    char cell[CELL_MAX];
    size_t len;
    bool quoted;
    bool last = false;
    uint32_t count = 0;
    csv_reader whole_record = *r;
    if (count_cells(&whole_record) == 0) {
        return 0;
    }
    while (!last && r->rest.len > 0) {
        (void)read_cell(r, cell, &len, &quoted, &last);
        lt_str text = cell_text(cell, len, last);
        if (count < cap) {
            csv_column *column = &columns[count];
            if (first) {
                column->first = lt_arena_str(arena, text);
                column->first_kind = cell_kind(text, quoted);
                *failed = *failed || column->first.ptr == NULL;
            } else {
                column->kinds |= cell_kind(text, quoted);
                column->repeats =
                    column->repeats || (text.len > 0 && lt_str_eq(text, column->first));
            }
        }
        count++;
    }
    return count;
}

/* The first line names the columns: all of it is text without repeats, and either some column holds
 * something else below, or every cell looks like a name that does not come again as a value. */
static bool detect_header(const csv_column *columns, uint32_t count)
{
    bool differs = false;
    bool names = true;
    for (uint32_t i = 0; i < count; i++) {
        if (columns[i].first_kind != LT_SEEN_TEXT || columns[i].first.len == 0) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (lt_str_eq(columns[k].first, columns[i].first)) {
                return false;
            }
        }
        differs = differs || (columns[i].kinds != 0 && (columns[i].kinds & LT_SEEN_TEXT) == 0);
        names = names && is_identifier(columns[i].first) && !columns[i].repeats;
    }
    return differs || names;
}

/* A column's name from its header: what is neither letter, digit nor _ becomes _. */
static char *make_name(lt_str header, uint32_t index, lt_arena *arena)
{
    lt_str text = lt_str_trim(header);
    if (text.len == 0) {
        return lt_arena_printf(arena, "c%u", index + 1);
    }
    bool digit = text.ptr[0] >= '0' && text.ptr[0] <= '9';
    char *name = lt_arena_printf(arena, "%s" LT_STR_FMT, digit ? "_" : "", LT_STR_ARG(text));
    for (char *at = name; at != NULL && *at != '\0'; at++) {
        bool keep = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                    (*at >= '0' && *at <= '9') || *at == '_' || (*at & 0x80) != 0;
        *at = keep ? *at : '_';
    }
    return name;
}

static bool name_taken(const lt_field *fields, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lt_str_eq_ci(fields[i].name, lt_str_of(name))) {
            return true;
        }
    }
    return false;
}

static lt_status make_schema(const csv_column *columns, uint32_t count, bool header,
                             lt_arena *arena, lt_inferred *out, lt_error *err)
{
    lt_field *fields = LT_NEW_ARRAY(arena, lt_field, count);
    for (uint32_t i = 0; fields != NULL && i < count; i++) {
        char *base = make_name(header ? columns[i].first : (lt_str){"", 0}, i, arena);
        char *name = base;
        for (unsigned suffix = 2; name != NULL && name_taken(fields, i, name); suffix++) {
            name = lt_arena_printf(arena, "%s_%u", base, suffix);
        }
        lt_seen seen = {.kinds = columns[i].kinds | (header ? 0 : columns[i].first_kind)};
        const lt_type *type = lt_seen_type(&seen, lt_str_of(name), arena);
        if (name == NULL || type == NULL) {
            return lt_error_nomem(err, "an inferred schema");
        }
        fields[i] = (lt_field){lt_str_of(name), type};
    }
    const lt_schema *schema = fields != NULL ? lt_schema_new(arena, fields, count) : NULL;
    if (schema == NULL) {
        return lt_error_nomem(err, "an inferred schema");
    }
    *out = (lt_inferred){
        .format = "csv", .has_header = header, .schema = schema, .delimiter = out->delimiter};
    return LT_OK;
}

lt_status lt_infer_csv(lt_str sample, bool whole, char delimiter, lt_arena *arena, lt_inferred *out,
                       lt_error *err)
{
    char found = delimiter != '\0' ? delimiter : find_delimiter(sample, whole);
    csv_reader r = {sample, found, whole};
    csv_reader peek = r;
    uint32_t count = count_cells(&peek);
    if (count == 0) {
        return lt_error_set(err, LT_ERR_DATA, "the first line is longer than %d bytes",
                            LT_INFER_SAMPLE);
    }
    if (count > LT_INFER_FIELDS) {
        return lt_error_set(err, LT_ERR_LIMIT,
                            "a line of %u values; at most %d columns are inferred", count,
                            LT_INFER_FIELDS);
    }
    csv_column *columns = LT_NEW_ARRAY(arena, csv_column, count);
    char *delimiter_text = lt_arena_strndup(arena, &found, 1);
    bool failed = columns == NULL || delimiter_text == NULL;
    for (uint32_t records = 0; !failed && records < LT_INFER_RECORDS; records++) {
        if (note_record(&r, columns, count, records == 0, arena, &failed) == 0) {
            break;
        }
    }
    if (failed) {
        return lt_error_nomem(err, "an inferred schema");
    }
    out->delimiter = (lt_str){delimiter_text, 1};
    return make_schema(columns, count, detect_header(columns, count), arena, out, err);
}
